// A program that stands in for those which wheels bring.
int main(void) { return 0; }
