"""The container formats that FFmpeg may read, by the names of its demuxers, and what is special about some.

Told from a file's content, never its name. None of them opens another file, a network connection or a device; what
does (playlists, `concat`, `sdp`, `image2`, `lavfi`, ...) is not here.
"""

ALLOWED = (
    *("3g2", "3gp", "apng", "asf", "avi", "dv", "flv", "gif", "ivf", "m4v", "matroska", "mj2", "mov", "mp4", "mpeg"),
    *("mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm", "webm", "yuv4mpegpipe"),
    # One stream without a container. A series of JPEG pictures is told from a single one by its end alone.
    *("h261", "h263", "h264", "hevc", "jpeg_pipe", "mjpeg", "vc1", "vvc"),
    # Sound, so that the message can say that it is sound.
    *("aac", "aiff", "flac", "mp3", "wav"),
)

WITHOUT_TIMES = frozenset({"h261", "h263", "h264", "hevc", "m4v", "mpegvideo", "obu", "vc1", "vvc"})
"""Their frames follow each other at the frame rate; they cannot be wound to a time either."""

WITHOUT_PRESENTATION_TIMES = frozenset({"asf", "avi"})
"""They hold one time a frame, which is not the one at which it is shown where frames are not stored in that order."""

INDEXED = frozenset({"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"})
"""They can be wound to a time without looking at all that comes before it."""
