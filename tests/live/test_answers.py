"""Filters that answer (RFC 3834), and that deliver what they answered."""
import os
import unittest

from test_expansion import ExpansionTest

VACATION = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        '..', '..', 'etc', 'filters', 'vacation')
ANSWER = ('cat >/dev/null; test "$M3MTA_MAILBOX" = bob@example.org || exit 0\n'
          'printf "Subject: away\\n\\nback on Monday\\n"; exit {}\n')


class Answers(ExpansionTest):
    def assert_posts(self, ann, bob, **how):
        """To bob, from ann: how many more each of them has then."""
        before = self.count('ann', 'bob')
        self.post('bob@example.org', **dict({'sender': 'ann@example.org'},
                                            **how))
        self.assertEqual([n - b for n, b in zip(self.count('ann', 'bob'),
                                                before)], [ann, bob], how)

    def test_an_answer_goes_out_with_the_delivery(self):
        self.use_filter(ANSWER.format(16))
        self.assert_posts(1, 1)
        answer = self.last('ann@example.org')
        self.assertEqual(answer['Return-Path'], '<>')
        self.assertEqual(answer['From'], '<bob@example.org>')
        self.assertEqual(answer['To'], '<ann@example.org>')
        self.assertEqual(answer['Subject'], 'away')
        self.assertEqual(answer['Auto-Submitted'], 'auto-replied')
        for name in ('Date', 'Message-ID'):
            self.assertIsNotNone(answer[name], name)
        self.assertEqual(answer.get_payload().strip(), 'back on Monday')
        self.assertEqual(self.last('bob@example.org')['Subject'], 'x')

    def test_an_answer_instead_of_the_delivery(self):
        self.use_filter(ANSWER.format(15))
        self.assert_posts(1, 0)

    def test_a_text_without_a_header_gets_one(self):
        self.use_filter('cat >/dev/null\n'
                        'test "$M3MTA_MAILBOX" = bob@example.org || exit 0\n'
                        'echo "I am away: see you"; exit 16\n')
        self.assert_posts(1, 1)
        answer = self.last('ann@example.org')
        self.assertEqual(answer.get_payload().strip(), 'I am away: see you')
        self.assertEqual(answer['Auto-Submitted'], 'auto-replied')

    def test_what_rfc_3834_forbids_is_delivered_and_not_answered(self):
        for code in (15, 16):
            self.use_filter(ANSWER.format(code))
            for header in ('Auto-Submitted: auto-replied',
                           'auto-submitted:\r\n auto-generated; x=y',
                           'Precedence: bulk', 'Precedence: LIST',
                           'Precedence: junk', 'List-Id: <a.b>',
                           'List-Unsubscribe: <mailto:a@b>'):
                self.assert_posts(0, 1, header=header + '\r\n')
            for header in ('Auto-Submitted: no', 'Precedence: first-class',
                           'Auto-Submitted: No (I wrote it)'):
                self.assert_posts(1, 1 if code == 16 else 0,
                                  header=header + '\r\n')
            for sender in ('', 'owner-list@example.org',
                           'list-request@example.org',
                           'Mailer-Daemon@example.org'):
                self.assert_posts(0, 1, sender=sender)

    def test_a_post_to_a_list_is_not_answered(self):
        self.system.m3mta('list', 'add', 'li@example.org', 'bob@example.org',
                          '--owner=owner@example.org')
        self.use_filter(ANSWER.format(16))
        before = self.count('ann', 'bob', 'owner')
        self.post('li@example.org', sender='ann@example.org')
        self.assertEqual(self.count('ann', 'bob', 'owner'),
                         [before[0], before[1] + 1, before[2]])

    def test_no_answer_before_there_is_a_delivery(self):
        s = self.system
        self.use_filter(ANSWER.format(16))
        before = self.count('ann', 'bob')
        self.accept('bob@example.org', sender='ann@example.org')
        s.m3mta('mailbox', 'set', 'bob@example.org', '--quota=1')
        try:
            s.mda()
            self.assertEqual(self.count('ann', 'bob'), before)
        finally:
            s.m3mta('mailbox', 'set', 'bob@example.org', '--quota=0')
        s.m3mta('queue', 'retry', '--to=bob@example.org')
        s.mda()
        self.assertEqual(self.count('ann', 'bob'),
                         [before[0] + 1, before[1] + 1])

    def test_delivery_and_answer_are_one(self):
        """Killed before and behind their transaction."""
        for point, done in (('mda-in-txn', 0), ('mda-after-txn', 1)):
            with self.subTest(point):
                self.use_filter(ANSWER.format(16))
                before = self.count('ann', 'bob')
                self.accept('bob@example.org', sender='ann@example.org')
                self.system.mda(fault=True, code=-9,
                                env={'M3MTA_FAULT': point + ':kill'})
                self.assertEqual(self.system.db.queue.count_documents(
                    {'origin': 'notice', 'sender': ''}), done)
                self.system.db.queue.update_many({}, [
                    {'$set': {'next_at': '$$NOW'}}])
                self.system.mda()
                self.assertEqual(self.count('ann', 'bob'),
                                 [before[0] + 1, before[1] + 1])

    def test_a_message_written_anew_is_not_empty(self):
        self.use_filter('cat >/dev/null; exit 10\n')
        before = self.count('bob')
        self.accept('bob@example.org')
        self.system.mda()
        self.assertEqual(self.count('bob'), before)
        r = self.system.db.queue.find_one({})['recipients'][0]
        self.assertEqual((r['state'], r['status']), ('P', '4.3.5'))

    def test_the_example_answers_once_a_sender(self):
        folder = self.system.folder + '/away'
        os.makedirs(folder)
        with open(folder + '/bob@example.org.txt', 'w') as f:
            f.write('Subject: Gr\u00fc\u00dfe\nI am away.\n')
        self.system.settings['filters'] = [{'run': f'{VACATION} {folder} 7'}]
        self.system.write_config()
        self.addCleanup(self.no_filter)
        to_bob = 'To: Bob <bob@example.org>\r\nMessage-ID: <a@b>\r\n'
        self.assert_posts(0, 1)  # To and Cc do not name him
        self.assert_posts(1, 1, header=to_bob)
        answer = self.last('ann@example.org')
        self.assertEqual(answer['In-Reply-To'], '<a@b>')
        self.assertIn('I am away.', answer.get_payload(decode=True).decode())
        self.assert_posts(0, 1, header=to_bob)
        self.assert_posts(0, 1, header=to_bob, sender='eve@example.org')
        os.remove(folder + '/bob@example.org.txt')
        self.assert_posts(0, 1, header=to_bob, sender='owner@example.org')


if __name__ == '__main__':
    unittest.main()
