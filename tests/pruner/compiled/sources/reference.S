// A second way to the second unit, linked between the two: what a record does not tell of. By the way:
// an instruction (LEANING), a pointer into the unit (POINTING), a name that others may look up (EXPORTED).
    .section .hip_fatbin, "a"
    .p2align 12
    .globl second_unit
#ifndef EXPORTED
    .hidden second_unit
#endif
second_unit:

#ifdef LEANING
    .text
    .globl where
where:
    lea second_unit(%rip), %rax
    ret
#endif

#ifdef POINTING
    .data
    .globl there
there:
    .quad second_unit + 64
#endif

    .section .note.GNU-stack, "", @progbits
