"""From a frame to faces and moods: what moved, where to search, who is who, what each of them expresses."""
