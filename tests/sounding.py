"""Clips with a tone, and what can be heard of them."""

from fractions import Fraction

import av
import numpy as np

RATE = 16_000


def write_clip(path, images, *, codec="libx264", audio="aac", fps=25, begin=0.5, end=None, sizes=None, format=None):
    """Images with a tone of 440 Hz from `begin` to `end` in seconds, and silence else; returns its duration."""
    seconds = len(images) / fps
    with av.open(str(path), "w", format=format) as container:
        video = container.add_stream(codec, rate=fps)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        sound = container.add_stream(audio, rate=RATE, layout="mono") if audio else None
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            time = np.arange(round(seconds * RATE)) / RATE
            heard = (time >= begin) & (time < (seconds if end is None else end))
            tone = np.where(heard, 0.5 * np.sin(2 * np.pi * 440 * time), 0).astype(np.float32)
            resampler = av.AudioResampler(sound.format.name, "mono", RATE, frame_size=sound.frame_size or 1024)
            frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(sound.encode(part))
            container.mux(sound.encode())
    return seconds


def heard(path):
    """Begin and end of the tone, and end of the sound, in seconds from the first frame of the video; and its codec."""
    with av.open(str(path)) as container:
        zero = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        times, levels = [], []
        for frame in container.decode(stream):
            samples = frame.to_ndarray()
            samples = samples.reshape(-1, frame.layout.nb_channels).T if not frame.format.is_planar else samples
            samples = samples.mean(axis=0).astype(np.float64)
            samples /= 1 if np.issubdtype(frame.to_ndarray().dtype, np.floating) else 32768
            times.append(frame.time - zero + np.arange(frame.samples) / frame.sample_rate)
            levels.append(samples)
        codec = stream.codec_context.codec.canonical_name
    time, level = np.concatenate(times), np.abs(np.concatenate(levels))
    loud = time[level > 0.2]
    return loud[0], loud[-1], time[-1], codec
