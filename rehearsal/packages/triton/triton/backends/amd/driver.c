// What launches kernels, compiled where they run.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "hip_utils", NULL, -1, methods};

PyMODINIT_FUNC PyInit_hip_utils(void) { return PyModule_Create(&definition); }
