"""What a session takes: the memory of a child of the listener that is its
own (its share of anonymous pages; pages of files are everybody's), looked at
again and again while the session works, and its CPU time."""
import contextlib
import os
import threading
import time

MIB = 1 << 20


def anonymous(pid):
    """Octets; 0 when the process has gone."""
    with contextlib.suppress(OSError):
        with open(f'/proc/{pid}/smaps_rollup') as f:
            for line in f:
                if line.startswith('Pss_Anon:'):
                    return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid):
    """User and system; None when the process has gone."""
    with contextlib.suppress(OSError):
        with open(f'/proc/{pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
    return None


class Watch:
    """`with Watch(pid) as w:` then w.most."""

    def __init__(self, pid):
        self.pid = pid
        self.most = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        while not self.is_over.is_set():
            self.most = max(self.most, anonymous(self.pid))
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.most = max(self.most, anonymous(self.pid))
        self.is_over.set()
        self.thread.join()
