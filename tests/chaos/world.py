"""The mail system of a campaign: a set of three members, handlers in both
forms, workers in both forms, accounts."""
import contextlib
import signal
import subprocess
import threading

import harness
from harness import System, wait_for
from members import Set
from smtp_client import ALIASES, LIST, MAILBOXES

OWNERS = 4
RETRY = [{'after': '2s'}] * 50


class World:
    def __init__(self, journal, remote, disk):
        self.journal = journal
        self.set = Set(disk=disk)
        harness.URI = self.set.uri
        self.system = System(
            mda__lease='20s', retry__durations=RETRY, retry__spread='0',
            remote={'dead': {'wait': '2s'},
                    'timeout': {'reply': '5s', 'connect': '3s'}})
        self.accounts(remote)
        self.servers = []
        self.mdas = []
        self.stopping = threading.Event()

    def accounts(self, remote):
        s = self.system
        s.add_domain()
        for i in range(MAILBOXES):
            s.add_mailbox(f'u{i}@example.org')
        for i in range(OWNERS):
            s.add_mailbox(f'w{i}@example.org')
        for name, to in reversed(ALIASES.items()):
            s.m3mta('alias', 'add', f'{name}@example.org',
                    *[f'{x}@example.org' for x in to])
        s.m3mta('list', 'add', 'team@example.org',
                '--owner=u3@example.org',
                *[f'{x}@example.org' for x in LIST])
        s.m3mta('domain', 'add', 'far.test', '--delivery=relay',
                f'--route=127.0.0.1:{remote.port}')

    def start(self):
        s = self.system

        def serve(program, listener, form):
            port = s.serve(program, listener, form=form,
                           options=('-o', 'server.max_use=20'))
            self.servers.append(s.processes[-1])
            return port
        self.smtp = [serve('m3mta-smtp', 'smtp', form)
                     for form in ('fork', 'inetd')]
        self.imap = [serve('m3mta-imap', 'imap', form)
                     for form in ('fork', 'inetd')]
        for _ in range(2):
            self.mdas.append(self.new_mda())
        self.others = [threading.Thread(target=self.again, args=job,
                                        daemon=True)
                       for job in ((self.timer, 1), (self.collect, 5))]
        for thread in self.others:
            thread.start()

    def new_mda(self):
        return self.system.start(
            [self.system.binary('m3mta-mda'), '-c', self.system.config,
             '--loop'])

    def mda_again(self, random, how):
        """Ends one m3mta-mda and starts another; the workers that it
        supervised end by themselves."""
        i = random.randrange(len(self.mdas))
        old = self.mdas[i]
        old.send_signal(how)
        try:
            old.wait(30)
        except subprocess.TimeoutExpired:
            self.journal.violation('end', 'm3mta-mda goes on 30 s after '
                                   'SIGTERM')
            old.kill()
            old.wait()
        self.mdas[i] = self.new_mda()

    def again(self, action, pause):
        while not self.stopping.wait(pause):
            with contextlib.suppress(subprocess.TimeoutExpired):
                action()

    def timer(self):
        """The worker that a timer starts."""
        s = self.system
        code = s.run([s.binary('m3mta-mda'), '-c', s.config], code=None,
                     timeout=60).returncode
        self.journal.count(f'm3mta-mda by timer: exit {code}')

    def collect(self):
        s = self.system
        done = s.run([s.binary('m3mta'), '-c', s.config, 'gc',
                      '--min-age=0s'], code=None, timeout=120)
        self.journal.count(f'm3mta gc: exit {done.returncode}')

    def settle(self, seconds):
        """After the faults: what is in the queue must go."""
        self.set.mend()
        for p in self.mdas:
            with contextlib.suppress(ProcessLookupError):
                p.send_signal(signal.SIGCONT)
        wait_for(self.set.primary, 60, 'a primary after the faults')
        wait_for(self.is_idle, seconds, 'an empty queue')
        # gc beside verify would be seen as messages of nobody.
        self.stopping.set()
        for thread in self.others:
            thread.join()

    def waiting(self):
        return self.system.m3mta_json('queue', 'list')

    def is_idle(self):
        rows = self.waiting()
        return not [r for r in rows if r['state'] != 'held']

    def close(self):
        self.stopping.set()
        try:
            self.system.close()
        finally:
            self.set.close()
