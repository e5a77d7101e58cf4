// torch's own libraries, as far as others need them.
#include "torch.h"

#ifdef lib_c10
void c10::detail::torchCheckFail(const char *, const char *, unsigned, const char *text) { throw Error{text}; }
c10::TensorImpl::~TensorImpl() {}
#endif
#ifdef lib_torch_cpu
at::Tensor at::_ops::empty::call(long) { return {nullptr}; }
torch::Library &torch::Library::def(const char *) { return *this; }
#endif
#ifdef lib_torch_python
const char gfxpack_stand_in[] = "stand-in for libtorch_python.so";
#endif
