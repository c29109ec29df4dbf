"""Each command of the mda to the database fails once, at its nth use, while
it delivers to two mailboxes and to a remote host, and reports a recipient
that is gone; what becomes of it is what test_each.py says."""
import queue
import threading
import unittest
import uuid

from fake_mta import FakeMta
from harness import Dialog, LiveTest, System, wait_for
from late import Proxy, Rule, rule_of, through
from late_rows import SMALL
from test_faults import later

LAST = 60
# Databases, each with its own walk: an mda takes whatever is due.
SIDE_BY_SIDE = 4
NAMES = ('ann', 'bob', 'sam')


class Place:
    """A database, a road to it, a remote host; used again for each n."""

    def __init__(self):
        system = self.system = System('')
        self.fake = FakeMta()
        system.add_domain()
        system.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                     f'--route=127.0.0.1:{self.fake.port}')
        for name in NAMES + ('eve',):
            system.m3mta('mailbox', 'add', f'{name}@example.org',
                         '--no-password')
        system.m3mta('alias', 'add', 'both@example.org', 'ann@example.org',
                     'bob@example.org')
        self.eve = system.db.mailboxes.find_one({'_id': 'eve@example.org'})
        system.m3mta('mailbox', 'remove', 'eve@example.org', '--yes')
        self.proxy = Proxy(system.settings['database']['uri'])
        self.late = through(system, self.proxy)
        self.dialog = Dialog(system, 'm3mta-smtp')
        self.dialog.reply()
        self.dialog.smtp('EHLO me.example')

    def close(self):
        self.dialog.close()
        self.proxy.close()
        self.fake.close()
        self.system.close()

    def submit(self):
        """eve is there at RCPT and gone at the delivery."""
        boxes = self.system.db.mailboxes
        boxes.insert_one(dict(self.eve, owner=uuid.uuid4()))
        for command in ('MAIL FROM:<sam@example.org>',
                        'RCPT TO:<both@example.org>',
                        'RCPT TO:<eve@example.org>',
                        'RCPT TO:<someone@far.example>', 'DATA'):
            reply = self.dialog.smtp(command)
            if reply[:1] not in '23':
                raise AssertionError(f'{command}: {reply}')
        self.dialog.send(SMALL)
        reply = self.dialog.smtp(b'.\r\n')
        if not reply.startswith('250'):
            raise AssertionError(reply)
        boxes.delete_one({'_id': 'eve@example.org'})

    def boxes(self):
        """How much is in each mailbox; sam hears of eve."""
        db = self.system.db
        return [sum(f['exists'] for f in db.folders.find(
            {'owner': db.mailboxes.find_one({'_id': f'{n}@example.org'})[
                'owner'], 'name': 'INBOX'})) for n in NAMES]

    def is_empty(self):
        return not self.system.db.queue.count_documents({})

    def is_left(self):
        """What found no place, or was put off, is due later."""
        now = self.system.db.command('hello')['localTime']
        return self.system.db.queue.count_documents(
            {'$or': [{'leased': True}, {'next_at': {'$lte': now}}]})

    def run(self, rule):
        """What is wrong, or None."""
        before, sent = self.boxes(), len(self.fake.messages)
        self.submit()
        self.proxy.rule = rule
        done = self.late.run(
            [self.late.binary('m3mta-mda'), '-c', self.late.config],
            code=None, timeout=200)
        self.proxy.rule = None
        if done.returncode not in (0, 75):
            return f'exit {done.returncode} {done.stderr[-300:]}'
        if done.returncode and not rule.seen:
            return f'exit 75 {done.stderr[-300:]}'
        if done.returncode == 0 and self.is_left():
            return 'exit 0, and something is due or leased'

        def is_done():
            later(self.system)
            self.system.mda()
            return self.is_empty()
        if not self.is_empty():
            wait_for(is_done, 60, 'an empty queue')
        got = [n - m for n, m in zip(self.boxes(), before)]
        if got != [1, 1, 1]:
            return f'delivered {got}'
        return None if len(self.fake.messages) > sent else 'not sent'


class EachOfTheMda(LiveTest):
    time_limit = 600

    def work(self, kind, numbers):
        place = Place()
        try:
            while True:
                n = numbers.get_nowait()
                rule = rule_of(kind, n)
                wrong = place.run(rule)
                if wrong:
                    self.wrong.append(
                        f'{kind} {n}: {wrong} {place.proxy.commands[-4:]}')
                self.met.append(rule.seen)
                if wrong or not rule.seen:
                    break
        except queue.Empty:
            pass
        except Exception as e:
            self.wrong.append(f'{kind}: {e!r}')
        finally:
            try:
                place.system.verify()
            except AssertionError as e:
                self.wrong.append(f'{kind}: {e}')
            place.close()

    def walk(self, kind):
        self.wrong, self.met = [], []
        numbers = queue.Queue()
        for n in range(1, LAST + 1):
            numbers.put(n)
        workers = [threading.Thread(target=self.work, args=(kind, numbers))
                   for _ in range(SIDE_BY_SIDE)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.assertEqual(self.wrong, [])
        self.assertGreater(sum(self.met), 15)

    def test_claims_that_fail_each_time_are_no_success(self):
        place = Place()
        self.addCleanup(place.close)
        place.submit()
        place.proxy.rule = Rule('error', 'update', 'queue', times=10**6,
                                code=8000)
        place.late.run(
            [place.late.binary('m3mta-mda'), '-c', place.late.config],
            code=75, timeout=120)
        place.proxy.rule = None
        self.assertFalse(place.is_empty())
        place.system.mda()
        self.assertEqual(place.boxes()[:2], [1, 1])

    def test_errors(self):
        self.walk('error')

    def test_errors_that_nobody_tries_again(self):
        self.walk('fatal')

    def test_lost_answers(self):
        self.walk('lose')


if __name__ == '__main__':
    unittest.main()
