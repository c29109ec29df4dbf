"""The faults of the campaign: kills, freezes, step-downs, restarts, a full
disk; drawn by the seed, a few seconds apart."""
import os
import random
import signal
import subprocess
import threading
import time

from harness import children


class Faults(threading.Thread):
    OURS = {'session killed': 30, 'mda killed': 10, 'mda stopped': 4,
            'worker killed': 6, 'mda frozen': 8, 'worker frozen': 5,
            'courier killed': 6, 'courier frozen': 5}
    DATABASE = {'mongod killed': 5, 'mongod frozen': 6,
                'mongod restarted': 3, 'primary steps down': 3,
                'two of three killed': 2, 'disk full': 2}

    def __init__(self, journal, clock, world, seed, weights, only):
        super().__init__(daemon=True, name='faults')
        self.journal = journal
        self.clock = clock
        self.world = world
        self.random = random.Random(seed)
        self.longest = 30 if clock.end - time.monotonic() > 300 else 8
        self.weights = {k: v for k, v in weights.items()
                        if not only or k in only}
        if not world.set.disk and self.weights.pop('disk full', None):
            journal.skip('disk full', 'a file system in memory cannot be '
                         'mounted (root is needed)')

    def run(self):
        self.clock.sleep(3)
        while self.clock.runs() and self.weights:
            kind = self.random.choices(list(self.weights),
                                       list(self.weights.values()))[0]
            self.journal.fault(kind)
            try:
                getattr(self, kind.replace(' ', '_'))()
            except (OSError, subprocess.SubprocessError):
                self.journal.count(f'fault without effect: {kind}')
            self.clock.sleep(self.random.uniform(0.3, 3))

    def stop_for(self, pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def short(self):
        return self.random.uniform(1, self.longest)

    # --- our processes ----------------------------------------------------

    def session_killed(self):
        parents = [p.pid for p in self.world.servers]
        found = [c for p in parents for c in children(p)]
        if found:
            os.kill(self.random.choice(found), signal.SIGKILL)

    def mda_killed(self):
        self.world.mda_again(self.random, signal.SIGKILL)

    def mda_stopped(self):
        self.world.mda_again(self.random, signal.SIGTERM)

    def mda_frozen(self):
        self.stop_for(self.random.choice(self.world.mdas).pid, self.short())

    def workers(self):
        """The first process of an m3mta-mda only supervises."""
        return [c for p in self.world.mdas for c in children(p.pid)]

    def worker_killed(self):
        if found := self.workers():
            os.kill(self.random.choice(found), signal.SIGKILL)

    def worker_frozen(self):
        if found := self.workers():
            self.stop_for(self.random.choice(found), self.short())

    def couriers(self):
        return [c for p in self.workers() for c in children(p)]

    def courier_killed(self):
        if found := self.couriers():
            os.kill(self.random.choice(found), signal.SIGKILL)

    def courier_frozen(self):
        if found := self.couriers():
            self.stop_for(self.random.choice(found), self.short())

    # --- the database -----------------------------------------------------

    def any_member(self):
        """The primary in two of three cases."""
        if self.random.random() < 0.66:
            return self.world.set.primary_port()
        return self.random.choice(self.world.set.ports)

    def mongod_killed(self):
        port = self.any_member()
        self.world.set.kill(port)
        time.sleep(self.random.uniform(0, 5))
        self.world.set.start(port)

    def mongod_frozen(self):
        self.world.set.freeze(self.any_member(), self.short())

    def mongod_restarted(self):
        port = self.any_member()
        self.world.set.processes[port].terminate()
        self.world.set.processes[port].wait()
        self.world.set.start(port)

    def primary_steps_down(self):
        self.world.set.step_down(5)

    def two_of_three_killed(self):
        ports = self.random.sample(self.world.set.ports, 2)
        for port in ports:
            self.world.set.kill(port)
        time.sleep(self.random.uniform(1, 8))
        for port in ports:
            self.world.set.start(port)

    def disk_full(self):
        self.world.set.fill(self.random.uniform(2, 6))
