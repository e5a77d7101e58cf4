// Calls what lies behind the device code; throws, because unwinding reads the program headers.
#include <cstdio>
#include <stdexcept>

extern "C" {
int answer1(int question);
int answer2(int question);
int registered(void);
}

int main() {
    try {
        throw std::runtime_error("caught");
    } catch (const std::exception &error) {
        std::printf("%s %d %d %d\n", error.what(), answer1(7), answer2(7), registered());
    }
    return 0;
}
