"""Which chip it is."""

import amdsmi

_GCN_ARCH = amdsmi.amdsmi_get_gpu_asic_info(amdsmi.amdsmi_get_processor_handles()[0])[
    "target_graphics_version"
]
