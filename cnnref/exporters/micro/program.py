"""The C++ sources around a network: its bytes as an array, the operators that it needs, and a program that runs it."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Contract
from .operators import METHODS

_DATA_HEADER = """\
// {name}, exported by cnnref: what a program needs to know of the network in model_data.cc.
#ifndef MODEL_DATA_H_
#define MODEL_DATA_H_

// The file model.int8.tflite, byte for byte.
extern const unsigned char g_model[];
extern const unsigned int g_model_size;

constexpr int kImageHeight = {height};
constexpr int kImageWidth = {width};
constexpr int kImageChannels = {channels};  // {color}
constexpr int kImageBytes = kImageHeight * kImageWidth * kImageChannels;

constexpr int kScores = {classes};
constexpr int kLabels = {labels};
extern const char* const g_labels[kLabels];

// Bytes of RAM for tensors, as TensorFlow Lite for Microcontrollers counted them on a computer with pointers of 64 bits
// and its reference kernels. Pointers of 32 bits need less; kernels made for one processor may need room of their own.
constexpr int kArenaBytes = {arena};

#endif  // MODEL_DATA_H_
"""

_OPERATORS_HEADER = """\
// {name}, exported by cnnref: the operators of model.int8.tflite and no others.
#ifndef MODEL_OPERATORS_H_
#define MODEL_OPERATORS_H_

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using ModelOpResolver = tflite::MicroMutableOpResolver<{count}>;

inline TfLiteStatus RegisterModelOperators(ModelOpResolver& resolver) {{
{lines}
  return kTfLiteOk;
}}

#endif  // MODEL_OPERATORS_H_
"""

_MAIN = """\
// {name}, exported by cnnref: reads images and prints the scores of each.
//
// An image is kImageBytes bytes, row by row, {order} a pixel, values 0..255. This program reads them from standard
// input; on a board, let ReadImage take them from the camera.
#include <cstdint>
#include <cstdio>

#include "model_data.h"
#include "model_operators.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {{

alignas(16) uint8_t g_arena[kArenaBytes];

bool ReadImage(uint8_t* pixels) {{
  return std::fread(pixels, 1, kImageBytes, stdin) == static_cast<size_t>(kImageBytes);
}}

}}  // namespace

int main() {{
  tflite::InitializeTarget();
  const tflite::Model* model = tflite::GetModel(g_model);
  if (model->version() != TFLITE_SCHEMA_VERSION) {{
    MicroPrintf("The model has schema version %d, and this program was built for %d.",
                static_cast<int>(model->version()), TFLITE_SCHEMA_VERSION);
    return 1;
  }}
  ModelOpResolver resolver;
  if (RegisterModelOperators(resolver) != kTfLiteOk) return 1;
  tflite::MicroInterpreter interpreter(model, resolver, g_arena, kArenaBytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) {{
    MicroPrintf("The arena of %d bytes is too small; enlarge kArenaBytes.", kArenaBytes);
    return 1;
  }}
  MicroPrintf("arena: %d of %d bytes", static_cast<int>(interpreter.arena_used_bytes()), kArenaBytes);

  TfLiteTensor* image = interpreter.input(0);
  TfLiteTensor* scores = interpreter.output(0);
  while (ReadImage(image->data.uint8)) {{
    for (int i = 0; i < kImageBytes; ++i) {{
      image->data.int8[i] = static_cast<int8_t>(image->data.uint8[i] - 128);
    }}
    if (interpreter.Invoke() != kTfLiteOk) return 1;
    // A score stands for (score - zero_point) * scale, a probability.
    for (int i = 0; i < kScores; ++i) {{
      MicroPrintf("%s: %d", g_labels[i], scores->data.int8[i]);
    }}
  }}
  return 0;
}}
"""


def sources(content: bytes, contract: Contract, operators: Sequence[str], arena: int) -> dict[str, str]:
    """The files of a program by name: model_data.h, model_data.cc, model_operators.h, main.cc.

    Args:
        content: model.int8.tflite.
        operators: the kinds that it has.
        arena: the bytes of RAM that it needs.
    """
    name, (height, width, channels) = escaped(contract.name), contract.shape
    lines = "\n".join(f"  TF_LITE_ENSURE_STATUS(resolver.Add{METHODS[kind]}());" for kind in operators)
    header = _DATA_HEADER.format(
        name=name,
        height=height,
        width=width,
        channels=channels,
        color=contract.color,
        classes=contract.classes,
        labels=len(contract.labels),
        arena=arena,
    )
    order = {1: "one gray value", 3: "red, green and blue"}.get(channels, f"{channels} values")
    return {
        "model_data.h": header,
        "model_data.cc": data_source(content, name, contract.labels),
        "model_operators.h": _OPERATORS_HEADER.format(name=name, count=len(operators), lines=lines),
        "main.cc": _MAIN.format(name=name, order=order),
    }


def data_source(content: bytes, name: str, labels: Sequence[str]) -> str:
    """The text of model_data.cc. A multiple of 16 is where the schema of TFLite wants a file to begin."""
    rows = (content[start : start + 16] for start in range(0, len(content), 16))
    array = "\n".join(f"    {', '.join(f'0x{byte:02x}' for byte in row)}," for row in rows)
    strings = "\n".join(f'    "{escaped(label)}",' for label in labels)
    return (
        f'// {name}, exported by cnnref.\n#include "model_data.h"\n\n'
        f"alignas(16) const unsigned char g_model[] = {{\n{array}\n}};\n"
        f"const unsigned int g_model_size = {len(content)};\n\n"
        f"const char* const g_labels[kLabels] = {{\n{strings}\n}};\n"
    )


def escaped(text: str) -> str:
    """Any text inside a C++ string or comment: what could end either, or is not ASCII, as the number of its byte."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode()
    )
