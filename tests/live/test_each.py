"""Each command to the database fails once, at its nth use, in a fixed dialog
of IMAP and SMTP (the mda: test_each_mda): with an error, without an answer though it was
done, without having come there. What is answered is the ordinary thing or a
temporary failure; nothing is lost, nothing is there twice."""
import concurrent.futures
import unittest

from harness import LiveTest, wait_for
from late import rule_of
from late_rows import BIG, SMALL, Imap, Row, count, literal

LAST = 40
# fatal: an error that neither the driver nor a transaction tries again
KINDS = ('error', 'fatal', 'lose', 'drop')
SIDE_BY_SIDE = 6


def in_groups(one, is_over):
    """one(n) for n = 1 ... LAST, some at a time; what they say is wrong."""
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for first in range(1, LAST + 1, SIDE_BY_SIDE):
            wrong += [x for x in pool.map(
                one, range(first, first + SIDE_BY_SIDE)) if x]
            if wrong or is_over():
                break
    return wrong


class Each(LiveTest):
    # so that the counters of rates are reached
    settings = {'limit__messages__source': '100000/1h'}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def walk(self, run, kind):
        """run(row, rule) for n = 1, 2 ... until the dialog has no nth."""
        def one(n):
            row = Row(self.system)
            rule = rule_of(kind, n)
            try:
                run(row, rule)
            except AssertionError as e:
                return f'{kind} {n}: {e} {row.proxy.commands[-3:]}'
            finally:
                row.close()
            met.append(rule.seen)
            return None
        met = []
        wrong = in_groups(one, lambda: not any(met[-SIDE_BY_SIDE:]))
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(sum(met), 4)
        self.system.verify()

    # --- SMTP -------------------------------------------------------------------

    def smtp(self, text):
        def run(row, rule):
            replies = row.smtp(text, rule, armed=False)
            for reply in replies:
                self.assertIn(reply[:1], ('2', '3', '4'), reply)
            if rule.at and rule.at[1] == 'limits' and rule.code == 8000:
                self.assertEqual(replies[-1][:1], '4', replies)
            wait_for(lambda: self.system.mda() and
                     not self.system.db.queue.count_documents(
                         {'recipients.address': row.address}), 60)
            n = row.inbox(replies[-1].startswith('250') and
                          len(replies) == 6)
            if len(replies) == 6 and replies[-1].startswith('250'):
                self.assertEqual(n, 1, replies)
            else:
                self.assertTrue(rule.seen)
                self.assertIn(n, (0, 1))
        return run

    # --- IMAP -------------------------------------------------------------------

    def imap(self, row, rule):
        """A dialog whose effects can be counted; it goes on after a NO."""
        row.fill()
        s = Imap(row.late, row.address)
        row.proxy.rule = rule
        said = {}
        for name, command in (
                ('select', 'SELECT INBOX'),
                ('list', 'LIST "" *'),
                ('fetch', 'FETCH 1:3 (FLAGS UID)'),
                ('body', 'FETCH 2 BODY.PEEK[]'),
                ('search', 'SEARCH ALL'),
                ('append', f'APPEND Sent {literal(SMALL)}'),
                ('big', f'APPEND Drafts {literal(BIG)}'),
                ('store', r'STORE 3 +FLAGS (\Flagged)'),
                ('copy', 'COPY 2 Archive'),
                ('expunge', 'EXPUNGE'),
                ('status', 'STATUS Archive (MESSAGES)')):
            text = s.do(command)
            verdict, rest = s.verdict(text)
            said[name] = verdict, rest, text
            if verdict in ('BYE', 'END'):
                break
        row.proxy.rule = None
        s.d.sock.close()
        self.judge(row, rule, said)

    def judge(self, row, rule, said):
        for name, (verdict, rest, text) in said.items():
            if verdict == 'OK':
                continue
            told = f'{name}: {text[-200:]}'
            self.assertTrue(rule.seen, told)
            if verdict == 'END' and 'BODY[] {' in text:
                continue    # octets were promised: the session ends instead
            if said['select'][0] == 'OK':
                self.assertIn('[UNAVAILABLE]', rest, told)
        was_ok = {n for n, x in said.items() if x[0] == 'OK'}
        if 'select' not in was_ok:
            return
        if 'fetch' in was_ok:
            self.assertEqual(count(said['fetch'][2], r'FETCH \('), 3)
        if 'body' in was_ok:
            self.assertIn(SMALL, said['body'][2])
        if 'search' in was_ok:
            self.assertIn('* SEARCH 1 2 3', said['search'][2])
        if 'list' in was_ok:
            self.assertEqual(count(said['list'][2], r'\* LIST'), 6)
        self.judge_effects(row, said, was_ok)

    def judge_effects(self, row, said, was_ok):
        other = Imap(self.system, row.address)
        found = {'append': other.exists('Sent'), 'big': other.exists('Drafts'),
                 'copy': other.exists('Archive'),
                 'expunge': 3 - other.exists('INBOX'),
                 'store': count(other.do('EXAMINE INBOX') +
                                other.do('FETCH 1:* FLAGS'),
                                r'FETCH \(.*\\Flagged')}
        other.close()
        for name, n in found.items():
            verdict = said.get(name, ('none',))[0]
            wanted = {'OK': (1,), 'NO': (0,), 'none': (0,)}.get(
                verdict, (0, 1))
            self.assertIn(n, wanted, f'{name} {verdict}')


def add_tests():
    for kind in KINDS:
        for name, get in (
                ('a_small_message', lambda self: self.smtp(SMALL)),
                ('a_big_message', lambda self: self.smtp(BIG)),
                ('a_session', lambda self: self.imap)):
            if kind == 'drop' and name != 'a_session':
                continue

            def test(self, kind=kind, get=get):
                self.walk(get(self), kind)
            setattr(Each, f'test_{kind}_in_{name}', test)


add_tests()


if __name__ == '__main__':
    unittest.main()
