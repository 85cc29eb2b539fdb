/* An empty Python module, so that Python finds the library where it is installed. No other file needs Python.h. */

#define Py_LIMITED_API 0x030A0000
#include <Python.h>

PyMODINIT_FUNC PyInit_native(void)
{
    static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "native", .m_doc = "The compiled core.", .m_size = -1};
    return PyModule_Create(&module);
}
