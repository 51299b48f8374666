"""Small media files of every container, made with PyAV: a tone a channel (440 Hz left, 880 Hz right)."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache

import av
import numpy as np

CONTAINERS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "ogg": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
    "webm": ("webm", "libopus"),
    "mp4": ("mp4", "aac"),
    "mkv": ("matroska", "aac"),
}
WITH_VIDEO = {"webm": "libvpx", "mp4": "mpeg4", "mkv": "mpeg4"}


@cache
def media(
    name: str,
    *,
    seconds: float = 4.0,
    channels: int = 2,
    rate: int = 24_000,
    tracks: int = 1,
    sound: bool = True,
    video: bool = False,
    skip: tuple[float, float] | None = None,
) -> bytes:
    """A media file. ``skip`` leaves out the packets between two moments, as a recorder that lost the network does."""
    container_format, codec = CONTAINERS[name]
    out = io.BytesIO()
    layouts = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1"}
    # without the random numbers and the names of programs that muxers write
    with av.open(out, "w", format=container_format, options={"fflags": "+bitexact"}) as container:
        streams = [
            container.add_stream(codec, rate=rate, layout=layouts[channels]) for _ in range(tracks if sound else 0)
        ]
        picture = None
        if video:
            picture = container.add_stream(WITH_VIDEO[name], rate=5)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        moment = np.arange(round(seconds * rate)) / rate
        for track, stream in enumerate(streams):
            tones = [np.sin(2 * np.pi * 440 * (channel + 1 + 4 * track) * moment) * 8000 for channel in range(channels)]
            frame = av.AudioFrame.from_ndarray(
                np.stack(tones, 1).astype("<i2").reshape(1, -1), "s16", layouts[channels]
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            sizes = av.AudioResampler(
                format=stream.codec_context.format,
                layout=layouts[channels],
                rate=rate,
                frame_size=rate // 50 if codec == "libopus" else 1024,
            )
            frames = [*sizes.resample(frame), *sizes.resample(None)]
            packets = [packet for piece in frames for packet in stream.encode(piece)] + list(stream.encode(None))
            for packet in packets:
                at = float((packet.pts or 0) * packet.time_base)
                if skip is None or not skip[0] <= at < skip[1]:
                    container.mux(packet)
        if picture is not None:
            for index in range(round(seconds * 5)):
                image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 255, np.uint8), "rgb24")
                image.pts = index
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
    return out.getvalue()
