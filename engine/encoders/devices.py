"""Resolve device and dtype names from the settings."""

import torch

from engine.errors import InvalidSetting


def to_device(name: str) -> torch.device:
    """Return the device: auto, cpu, cuda or cuda:N. Raises InvalidSetting if it does not exist."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind == "cpu" and not number:
        return torch.device("cpu")
    if kind == "cuda" and (number.isdecimal() or not number):
        count = torch.cuda.device_count()
        if int(number or 0) >= count:
            raise InvalidSetting(f"expected one of {count} CUDA devices, got {name!r}")
        return torch.device(name)
    raise InvalidSetting(f"expected the device auto, cpu, cuda or cuda:N, got {name!r}")


def to_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype: auto, float32 or bfloat16; auto picks the faster one on the device."""
    if name == "auto":
        return torch.bfloat16 if _computes_bfloat16(device) else torch.float32
    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name not in dtypes:
        raise InvalidSetting(f"expected the dtype auto, {' or '.join(dtypes)}, got {name!r}")
    return dtypes[name]


def _computes_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is faster than float32.

    AVX-512 instructions alone are not enough: on a Xeon with them and without AMX, ViT-B-32 took 0.9 to 1.6 times as
    long as in float32, in batches three times.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))
