// Bytes of a file: as numbers, as text, and inflated.

import { phrase } from "../texts/texts.js";

/** @type {(bytes: Uint8Array) => DataView} */
export const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
/** @type {(bytes: Uint8Array) => string} */
export const latin1 = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

/**
 * What a zlib stream holds, piece by piece. Who has enough stops asking, and the rest of a bomb is never inflated.
 * @type {(parts: Uint8Array<ArrayBuffer>[]) => AsyncGenerator<Uint8Array>}
 */
export async function* inflate(parts) {
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const write = async () => {
    for (const part of parts) {
      for (let at = 0; at < part.length; at += 16384) await writer.write(part.subarray(at, at + 16384));
    }
    await writer.write(new Uint8Array(0)); // waits for the reader, to whom an error would hide what came before
    await writer.close();
  };
  write().catch(() => {}); // the reader meets the same error
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new Error(phrase("bytes.its-compressed-data-is"));
      });
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
