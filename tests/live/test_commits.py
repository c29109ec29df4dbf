"""mongod says of a commit that it does not know, or says nothing: once, twice,
or for as long as anybody asks. What is answered OK is done, once; NO and 451
are said of what is not done; where nobody can know, the session ends."""
import concurrent.futures
import unittest

from failpoints import UNKNOWN, FailpointTest
from harness import wait_for
from late_rows import BIG, IMAP_ROWS, SMALL, Imap, Row

NAMES = ('append', 'append-big', 'expunge', 'move', 'copy', 'setacl', 'store')
ROWS = [r for r in IMAP_ROWS if r[0] in NAMES]
# as mongod does; not done, and nobody knows
HOW = ({'errorCode': 91, 'errorLabels': [UNKNOWN]}, {'closeConnection': True})
ALWAYS = 1000


class Commits(FailpointTest):
    time_limit = 400

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def command(self, case, times, how):
        """(verdict, text, count of the effect) of a row."""
        _, command, effect = case
        row = Row(self.system)
        row.fill()
        s = Imap(self.system, row.address, 'INBOX')
        self.fail(['commitTransaction'], times=times, program='m3mta-imap',
                  **how)
        verdict, text = s.verdict(s.do(command))
        met = self.pass_all()
        s.d.sock.close()
        other = Imap(self.system, row.address)
        n = effect(other)
        other.close()
        row.close()
        self.assertGreaterEqual(met, min(times, 2))
        return verdict, text, n

    def test_a_command_whose_commit_is_answered_late_is_done_once(self):
        for case in ROWS:
            for times, how in enumerate(HOW, 1):
                with self.subTest(case[0], how=how, times=times):
                    verdict, text, n = self.command(case, times, how)
                    self.assertEqual((verdict, n), ('OK', 1), text)
        self.system.verify()

    # --- mail --------------------------------------------------------------------

    def post(self, text=SMALL):
        d = self.dialog('m3mta-smtp')
        d.sock.settimeout(150)
        d.reply()
        for command in ('EHLO me.example', 'MAIL FROM:<>',
                        'RCPT TO:<ann@example.org>', 'DATA'):
            self.assertIn(d.smtp(command)[:1], '23')
        d.send(text)
        return d.smtp(b'.\r\n')

    def stored(self):
        s = Imap(self.system, 'ann@example.org')
        n = s.exists('INBOX')
        s.close()
        return n

    def test_local_delivery_is_done_once(self):
        for how in HOW:
            for times in (1, 2):
                before = self.stored()
                self.assertEqual(self.post()[:3], '250')
                self.fail(['commitTransaction'], times=times,
                          program='m3mta-mda', **how)
                self.system.mda()
                self.assertGreaterEqual(self.pass_all(), times)
                wait_for(lambda b=before: self.stored() == b + 1, 30)
                self.assertEqual(
                    self.system.db.queue.count_documents({}), 0)
        self.system.verify()

    def test_a_big_message_is_accepted_once(self):
        for how in HOW:
            before = self.stored()
            self.fail(['commitTransaction'], times=2, program='m3mta-smtp',
                      **how)
            self.assertEqual(self.post(BIG)[:3], '250')
            self.assertGreaterEqual(self.pass_all(), 2)
            self.system.mda()
            wait_for(lambda b=before: self.stored() == b + 1, 30)
        self.system.verify()

    def test_what_nobody_ever_knows_is_no_success(self):
        """For as long as both ask: the session ends, and 451."""
        before = self.stored()
        row = Row(self.system)
        row.fill()
        s = Imap(self.system, row.address, 'INBOX')
        self.fail(['commitTransaction'], times=ALWAYS, **HOW[0])
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            posted = pool.submit(self.post, BIG)
            verdict, text = s.verdict(s.do(ROWS[0][1]))
            self.assertEqual(posted.result()[:3], '451')
        self.assertGreater(self.pass_all(), 10)
        self.assertEqual(verdict, 'BYE', text)
        self.assertIn('[UNAVAILABLE]', text)
        other = Imap(self.system, row.address)
        self.assertIn(ROWS[0][2](other), (0, 1))
        other.close()
        row.close()
        self.system.mda()
        self.assertLessEqual(self.stored() - before, 1)
        self.system.verify()


if __name__ == '__main__':
    unittest.main()
