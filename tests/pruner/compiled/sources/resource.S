// Regions among other data, as libraries carry them that find their kernels by tables of their own.
    .section .cask_resource, "a"
    .p2align 12
    .globl resource
resource:
    .ascii "[others]"
    .incbin "cuda/buried-others.fatbin"
    .ascii "[hopper]"
    .incbin "cuda/buried-hopper.fatbin"
    .ascii "[end]"

    .section .note.GNU-stack, "", @progbits
