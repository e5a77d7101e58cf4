// A library without device code.
const char gfxpack_stand_in[] = "stand-in for lib" LIBRARY ".so";
