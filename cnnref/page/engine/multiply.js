// The two functions that large networks spend their time in, as text of WebAssembly; engine/webassembly.js assembles it.
// A convolution is a product of matrices: a row of weights a filter, a column of inputs a place of the window. `pack`
// gathers eight such columns into a panel, and `tile1` and `tile4` multiply one or four rows with it, eight sums a row.

/** @type {(count: number, line: (index: number) => string) => string} */
const each = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join("\n");

/** How many columns a panel has. */
export const COLUMNS = 8;
/** How many bytes a number has. */
export const BYTES = 4;
const FULL = COLUMNS * BYTES;

/** Step by step: panel[k][column] = input[base[k] + place[column]], for every k below depth; all in bytes. */
const PACK = `
(func (export "pack") (param $input i32) (param $base i32) (param $depth i32) (param $places i32) (param $panel i32)
  (local $from i32) (local $end i32)
  ${each(COLUMNS, (column) => `(local $place${column} i32)`)}
  ${each(COLUMNS, (column) => `(local.set $place${column} (i32.load offset=${BYTES * column} (local.get $places)))`)}
  (local.set $end (i32.add (local.get $base) (i32.mul (local.get $depth) (i32.const ${BYTES}))))
  (loop $next
    (local.set $from (i32.add (local.get $input) (i32.load (local.get $base))))
    ${each(
      COLUMNS,
      (column) => `(f32.store offset=${BYTES * column} (local.get $panel)
        (f32.load (i32.add (local.get $from) (local.get $place${column}))))`,
    )}
    (local.set $panel (i32.add (local.get $panel) (i32.const ${FULL})))
    (local.set $base (i32.add (local.get $base) (i32.const ${BYTES})))
    (br_if $next (i32.lt_u (local.get $base) (local.get $end)))))`;

/**
 * y[row][column] = bias[row] + the sum over k of weights[row][k] * panel[k][column]; `stride` is from one row of weights
 * to the next, `step` from one row of y to the next, both in bytes. Four sums lie in one register: left and right.
 * @type {(rows: number) => string}
 */
const tile = (rows) => `
(func (export "tile${rows}") (param $weights i32) (param $stride i32) (param $panel i32) (param $depth i32)
  (param $bias i32) (param $y i32) (param $step i32)
  (local $end i32) (local $left v128) (local $right v128) (local $weight v128)
  ${each(rows, (row) => `(local $row${row} i32) (local $left${row} v128) (local $right${row} v128)`)}
  ${each(
    rows,
    (row) => `(local.set $row${row} (i32.add (local.get $weights) (i32.mul (local.get $stride) (i32.const ${row}))))
    (local.set $left${row} (v128.load32_splat offset=${BYTES * row} (local.get $bias)))
    (local.set $right${row} (local.get $left${row}))`,
  )}
  (local.set $end (i32.add (local.get $panel) (i32.mul (local.get $depth) (i32.const ${FULL}))))
  (loop $next
    (local.set $left (v128.load (local.get $panel)))
    (local.set $right (v128.load offset=${FULL / 2} (local.get $panel)))
    ${each(
      rows,
      (row) => `(local.set $weight (v128.load32_splat (local.get $row${row})))
      (local.set $left${row} (f32x4.add (local.get $left${row}) (f32x4.mul (local.get $left) (local.get $weight))))
      (local.set $right${row} (f32x4.add (local.get $right${row}) (f32x4.mul (local.get $right) (local.get $weight))))
      (local.set $row${row} (i32.add (local.get $row${row}) (i32.const ${BYTES})))`,
    )}
    (local.set $panel (i32.add (local.get $panel) (i32.const ${FULL})))
    (br_if $next (i32.lt_u (local.get $panel) (local.get $end))))
  ${each(
    rows,
    (row) => `(v128.store (local.get $y) (local.get $left${row}))
    (v128.store offset=${FULL / 2} (local.get $y) (local.get $right${row}))
    (local.set $y (i32.add (local.get $y) (local.get $step)))`,
  )})`;

export const MULTIPLY = `(module (import "page" "memory" (memory 1)) ${PACK} ${tile(1)} ${tile(4)})`;
