"""The concurrency model (imap_model.py) for some seconds; `make model` for
ten minutes. M3MTA_MODEL_SECONDS and M3MTA_MODEL_SEED set them."""
import os
import random
import threading
import time
import unittest

from harness import LiveTest
from imap_model import BOXES, Session, Synchroniser, Violation, stored

SECONDS = int(os.environ.get('M3MTA_MODEL_SECONDS', '12'))
SEED = int(os.environ.get('M3MTA_MODEL_SEED', '0')) or random.randrange(
    1, 10**9)
SESSIONS = 6
OTHERS = 2   # of them of another user
ROUND = 3  # seconds between two checkpoints


class Model(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')
        cls.system.add_mailbox('bob@example.org')
        d = cls.dialog_of(cls)
        d.imap('a', 'CREATE Shared')
        d.close()
        for box in BOXES:
            cls.system.m3mta('acl', 'set', 'ann@example.org', box,
                             'bob@example.org', 'lrswite')

    def dialog_of(self):
        from harness import Dialog
        d = Dialog(self.system, 'm3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        return d

    def deliver(self):
        """Mail from outside comes in between."""
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO a', 'MAIL FROM:<a@example.net>',
                     'RCPT TO:<ann@example.org>', 'DATA',
                     'Subject: mail\r\n\r\nx\r\n.'):
            d.smtp(line)
        d.close()
        self.system.mda()

    def run_round(self, sessions, seconds):
        end = time.monotonic() + seconds
        wrong = []

        def work(session):
            try:
                while time.monotonic() < end and not wrong:
                    session.step()
            except (Violation, OSError, AssertionError) as e:
                wrong.append(f'{type(e).__name__}: {e}')
        threads = [threading.Thread(target=work, args=(s,))
                   for s in sessions]
        for thread in threads:
            thread.start()
        self.deliver()
        for thread in threads:
            thread.join(60)
        self.assertEqual(wrong, [], f'seed {SEED}')

    def checkpoint(self, sessions):
        """All are still: what each sees under its numbers, flags and modseq
        is what a new session sees and what the database has."""
        for box in BOXES:
            want, highest = stored(self.system, box)
            fresh = Session(self.system, 'ann@example.org', 1, None, False)
            self.addCleanup(fresh.close)
            while fresh.box != box:
                fresh.do_select()
            fresh.command(f'STATUS {box} (HIGHESTMODSEQ)')
            for s in [fresh] + [s for s in sessions if s.box == box and
                                isinstance(s, Session)]:
                try:
                    self.agree(s, want)
                except Violation as e:
                    self.fail(f'seed {SEED}: {e}')
            self.assertLessEqual(max((e[2] for e in want), default=1),
                                 highest)
            for s in (s for s in sessions if isinstance(s, Synchroniser) and
                      s.box == box):
                self.assertEqual(
                    s.state(), {uid: flags for uid, flags, _ in want},
                    f'seed {SEED}: the cache of {box}\n    ' +
                    '\n    '.join(s.history))
            fresh.close()
        self.system.verify()

    def agree(self, session, want):
        if not session.condstore:
            want = [(uid, flags, None) for uid, flags, _ in want]
        self.assertEqual(session.state(), want, f'seed {SEED}')

    def test_model(self):
        sessions = [Session(self.system, 'ann@example.org', SEED + i, None)
                    for i in range(SESSIONS - OTHERS)]
        sessions += [Session(self.system, 'bob@example.org', SEED - i, None,
                             owner='ann@example.org') for i in range(OTHERS)]
        for s in sessions:
            self.addCleanup(s.close)
        sessions += [Synchroniser(self.system, 'ann@example.org', SEED + 90,
                                  box) for box in BOXES]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.run_round(sessions, min(ROUND, SECONDS))
            self.checkpoint(sessions)
        print(f'seed {SEED}: {sum(getattr(s, "tag", 0) for s in sessions)} commands, '
              f'{sum(getattr(s, "n_commands", 0) for s in sessions)} of '
              'synchronisers')


if __name__ == '__main__':
    unittest.main()
