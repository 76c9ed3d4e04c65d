"""Networks for microcontrollers: an int8 file, the same as a C array, and the program around it."""
