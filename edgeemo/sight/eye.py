"""From a view to the faces in it: follow those that are known, look closely, search for new ones."""

from __future__ import annotations

from collections import Counter

from edgeemo.config import DetectConfig
from edgeemo.sight.detector import HOPELESS, HaarDetector, Proposal
from edgeemo.sight.flow import follow
from edgeemo.sight.motion import Motion
from edgeemo.sight.search import Search
from edgeemo.sight.tracker import BELIEVABLE, Place, Probe, Tracker, same_place
from edgeemo.sight.view import View
from edgeemo.types import Box, Detection, Track


class Eye:
    """Keeps the tracker informed. One look is `follow`, `probe`, `search` and `conclude`, in this order.

    `refused` counts, by cause, what came to nothing in the look under way.
    """

    def __init__(
        self, config: DetectConfig, detector: HaarDetector, search: Search, tracker: Tracker
    ) -> None:
        self._config = config
        self._detector = detector
        self._search_plan = search
        self._tracker = tracker
        self._before: View | None = None
        self._probed: dict[int, Detection | None] = {}
        self._found: list[Detection] = []
        self.refused: Counter[str] = Counter()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The faces that are believed, oldest first."""
        return self._tracker.tracks

    @property
    def is_caught_up(self) -> bool:
        """Whether everything has been searched in every way since the last `clear`."""
        return self._search_plan.is_caught_up

    @property
    def is_settled(self) -> bool:
        """Whether looking again at a picture that keeps still would tell nothing new."""
        return self._tracker.is_settled and (bool(self.tracks) or self.is_caught_up)

    def clear(self) -> None:
        """Forget everything that was seen."""
        self._tracker.clear()
        self._search_plan.clear()
        self._before = None

    def follow(self, view: View, motion: Motion, at: float) -> None:
        """Begin a look: carry the faces in whose boxes something moved to where they went."""
        self._probed, self._found, self.refused = {}, [], Counter()
        if self._before is None:
            return
        places: dict[int, Place | None] = {}
        for track in self._tracker.tracks:
            if not motion.touches(track.box):
                places[track.id] = Place(track.box, track.angle)
            else:
                places[track.id] = follow(self._before, view, track.box, track.angle)
        self._tracker.carry(places, at)

    def probe(self, view: View, at: float) -> None:
        """Look closely where the tracker wants it: at known faces and at candidates."""
        for probe in self._tracker.probes(at):
            detection = self._unless_excluded(self._look_at(view, probe), view)
            if probe.face is not None:
                self._probed[probe.face] = detection
            elif detection:
                self._found.append(detection)

    def _look_at(self, view: View, probe: Probe) -> Detection | None:
        look = self._detector.refind if probe.is_lost else self._detector.examine
        return look(view, probe.box, probe.angle)

    def search(self, view: View, motion: Motion, at: float, budget: float) -> None:
        """Look for new faces in a share of the picture, where something moved first."""
        known = [track.box for track in self._tracker.tracks]
        self._search_plan.note(motion, known, at)
        # A candidate that is not plain yet may be one seen at the wrong tilt or size.
        known += [c.box for c in self._tracker.candidates if c.score >= BELIEVABLE]
        shares = self._search_plan.take(at, self._smallest(view), budget)
        proposals = [p for share in shares for p in self._detector.propose(view, share)]
        # The likeliest first: what only looks like a face often lies across one.
        for proposal in sorted(proposals, key=lambda p: -p.likelihood):
            if any(same_place(proposal.box, other) for other in known):
                continue
            if detection := self._consider(view, proposal):
                self._found.append(detection)
                known.append(detection.box)

    def _consider(self, view: View, proposal: Proposal) -> Detection | None:
        """The face in a proposal; None, and counted why, if it is none or does not count."""
        if self._is_excluded(proposal.box, view):
            self.refused["zone"] += 1
            return None
        box, angle, likelihood = proposal
        found = self._detector.examine(view, box, angle) if likelihood >= HOPELESS else None
        self.refused["unlikely"] += found is None
        return self._unless_excluded(found, view)

    def _unless_excluded(self, found: Detection | None, view: View) -> Detection | None:
        """What was found; None, and counted, if its middle lies in a zone that is left out."""
        if found is None or not self._is_excluded(found.box, view):
            return found
        self.refused["zone"] += 1
        return None

    def _smallest(self, view: View) -> float:
        return max(self._config.min_face_px, self._config.min_face_share * view.size[1])

    def _is_excluded(self, box: Box, view: View) -> bool:
        x, y = box.center[0] / view.size[0], box.center[1] / view.size[1]
        zones = self._config.exclude
        return any(a <= x <= a + w and b <= y <= b + h for a, b, w, h in zones)

    def conclude(self, view: View, at: float) -> None:
        """Tell the tracker what this look has found, and remember its view for the next.

        Who has come into a zone that is left out is let go at once, without a run of the network.
        """
        self._tracker.update(self._probed, self._found, at, view.size)
        self._tracker.let_go(lambda box: self._is_excluded(box, view))
        self.refused += self._tracker.refused
        self._before = view
