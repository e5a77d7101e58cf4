// The few of torch's symbols that stand-ins define and want.
namespace c10 {
struct Error { const char *text; };
namespace detail { void torchCheckFail(const char *function, const char *file, unsigned line, const char *text); }
struct TensorImpl { virtual ~TensorImpl(); int version; };
}
namespace at {
struct Tensor { c10::TensorImpl *impl; };
namespace _ops { struct empty { static Tensor call(long size); }; }
namespace hip { void synchronise(); }
}
namespace torch { struct Library { Library &def(const char *schema); int kind; }; }
namespace c10::hip { int device_count(); }
