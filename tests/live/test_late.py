"""The table of late answers (ARCHITECTURE.md, 5): at each write of IMAP, SMTP
and the mda the database stands still, before it does it or before it answers,
for 6 seconds; with M3MTA_LATE_SECONDS for others (`make test-late`)."""
import concurrent.futures
import os
import time
import unittest

from harness import LiveTest, wait_for
from late import WRITES, Rule
from late_rows import BIG, IMAP_ROWS, SMALL, Row
from test_faults import later

SECONDS = float(os.environ.get('M3MTA_LATE_SECONDS', '6'))
SIDE_BY_SIDE = 24 if SECONDS < 10 else 40
KINDS = ('replies', 'requests')
# (name, the command at which it begins, collection)
STAGES = (('first write', WRITES, None),
          ('commit', 'commitTransaction', None))


class Late(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def walk(self, cases, run):
        """run(case) gives what is wrong, or None. All at once."""
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            wrong = [x for x in pool.map(run, cases) if x]
        self.assertEqual(wrong, [])

    def with_row(self, run, *args):
        row = Row(self.system)
        try:
            return run(row, *args)
        finally:
            row.close()

    # --- IMAP -------------------------------------------------------------------

    def imap_case(self, row, case, stage, kind):
        rule = Rule(kind, stage[1], stage[2], seconds=SECONDS)
        verdict, text, n = row.imap(case, rule)
        told = f'{case[0]}, {stage[0]}, {kind}: {verdict}{text} n={n}'
        if verdict == 'OK':
            return None if n == 1 else told
        if verdict == 'NO' and '[UNAVAILABLE]' in text and rule.seen:
            return None if n == 0 else told
        if verdict == 'BYE' and '[UNAVAILABLE]' in text and rule.seen:
            return None if n in (0, 1) else told
        return told

    def test_imap(self):
        self.walk([(c, s, k) for c in IMAP_ROWS for s in STAGES
                   for k in KINDS],
                  lambda x: self.with_row(self.imap_case, *x))
        self.system.verify()

    # --- SMTP -------------------------------------------------------------------

    def smtp_case(self, row, text, stage, kind):
        rule = Rule(kind, stage[1], stage[2], seconds=SECONDS)
        start = time.monotonic()
        reply = row.smtp(text, rule)[-1]
        time.sleep(max(0, SECONDS - (time.monotonic() - start)))
        self.deliver_all(row.address)
        n = row.inbox(reply.startswith('250'))
        told = f'{len(text)}, {stage}, {kind}: {reply} n={n}'
        if reply.startswith('250'):
            return None if n == 1 else told
        return None if reply.startswith('451') and n in (0, 1) and \
            rule.seen else told

    def deliver_all(self, address):
        """What is queued for it; other rows' messages too."""
        def is_empty():
            self.system.mda()
            return not self.system.db.queue.count_documents(
                {'recipients.address': address})
        wait_for(is_empty, 60, 'an empty queue')

    def test_smtp(self):
        stages = STAGES + (('insert', 'insert', 'queue'),
                           ('chunk', 'insert', 'blobs'))
        self.walk([(t, s, k) for t in (SMALL, BIG) for s in stages
                   for k in KINDS],
                  lambda x: self.with_row(self.smtp_case, *x))
        self.system.verify()

    # --- the mda ------------------------------------------------------------------

    def mda_case(self, row, n, kind):
        """Delivery to one who is there, a report about one who is not."""
        other = 'x' + row.address
        self.system.m3mta('mailbox', 'add', other, '--no-password')
        self.submit(row, other)
        self.system.m3mta('mailbox', 'remove', other, '--yes')
        rule = row.proxy.rule = Rule(
            kind, WRITES + ('commitTransaction',), n=n, seconds=SECONDS)
        row.late.run([row.late.binary('m3mta-mda'), '-c', row.late.config],
                     code=None, timeout=400)
        row.proxy.rule = None
        return rule

    def submit(self, row, other):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp(f'MAIL FROM:<{row.address}>')
        for to in (row.address, other):
            self.assertTrue(d.smtp(f'RCPT TO:<{to}>').startswith('250'))
        d.smtp('DATA')
        d.send(SMALL)
        self.assertTrue(d.smtp('.\r\n').startswith('250'))
        d.close()


class LateMda(Late):
    """One at a time would take long: each has a database of its own."""
    test_imap = test_smtp = None

    def one(self, case):
        n, kind = case
        system = type(self.system)('')
        try:
            system.add_domain()
            row = Row(system)
            rule = LateMda.in_system(self, system, row, n, kind)
            later(system)
            wait_for(lambda: system.mda() and
                     not system.db.queue.count_documents({}), 60, 'the end')
            system.verify()
            got = row.inbox(2)
            row.close()
            # The message itself, and the report about the other one.
            return None if got == 2 else \
                f'{n} {kind}: {got} of 2 (met {rule.seen})'
        finally:
            system.close()

    def in_system(self, system, row, n, kind):
        helper = Late('test_smtp')
        helper.system = system
        try:
            return helper.mda_case(row, n, kind)
        finally:
            helper.doCleanups()

    def test_mda(self):
        self.walk([(n, k) for n in range(1, 9) for k in KINDS], self.one)


if __name__ == '__main__':
    unittest.main()
