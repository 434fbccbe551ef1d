"""Photos with a colour profile, such as those of wide-gamut phones, in the sRGB that models were trained on."""

from functools import cache
from io import BytesIO

from PIL import Image, ImageCms


def to_srgb(image: Image.Image) -> Image.Image:
    """Return an RGB image in sRGB; an image without a profile, or with a broken one, as it is."""
    data = image.info.get("icc_profile")
    if image.mode != "RGB" or not isinstance(data, bytes) or not data:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        if "srgb" in ImageCms.getProfileDescription(profile).lower().replace(" ", ""):
            return image
        converted = ImageCms.profileToProfile(image, profile, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if converted is None else converted


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
