// What launches kernels, compiled where they run.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *load_binary(PyObject *self, PyObject *args) { Py_RETURN_NONE; }

static PyMethodDef methods[] = {{"load_binary", load_binary, METH_VARARGS, "Load nothing."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "hip_utils", NULL, -1, methods};

PyMODINIT_FUNC PyInit_hip_utils(void) { return PyModule_Create(&definition); }
