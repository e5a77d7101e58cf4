// An extension module; with TORCH one that torch must be loaded for.
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include "torch.h"

#define TEXT(name) #name
#define NAMED(name) TEXT(name)
#define JOIN(prefix, name) prefix##name
#define INIT(name) JOIN(PyInit_, name)

#ifdef TORCH
static PyObject *check(PyObject *, PyObject *) {
    at::hip::synchronise();
    at::Tensor made = at::_ops::empty::call(c10::hip::device_count());
    if (made.impl) c10::detail::torchCheckFail(__func__, __FILE__, __LINE__, "nobody makes tensors here");
    torch::Library().def("nothing() -> ()");
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"check", check, METH_NOARGS, nullptr}, {}};
#else
static PyMethodDef methods[] = {{}};
#endif

static PyModuleDef module = {PyModuleDef_HEAD_INIT, NAMED(MODULE), nullptr, 0, methods};
PyMODINIT_FUNC INIT(MODULE)() { return PyModule_Create(&module); }
