"""m3mta for the queue and the directory: each verb, by id and by each
filter, for people and as JSON."""
import json
import unittest

from bson import ObjectId

from harness import LiveTest, binary
from test_smtp_dialog import B

POSTS = [('a@one.example', 'x@far.example'), ('b@one.example',
         'y@far.example'), ('a@one.example', 'z@near.example')]


class QueueAdmin(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'connect': '10s'})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org')
        for name in ('far.example', 'near.example'):
            s.m3mta('domain', 'add', name, '--delivery=relay',
                    '--route=127.0.0.1:1')

    def setUp(self):
        self.system.db.queue.delete_many({})
        self.system.db.limits.delete_many({})
        self.ids = [self.post(*post) for post in POSTS]

    def post(self, sender, *recipients):
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO me.example', f'MAIL FROM:<{sender}>',
                     *[f'RCPT TO:<{r}>' for r in recipients], 'DATA'):
            self.assertIn(d.smtp(line)[:1], '23')
        answer = d.smtp(B + b'x\r\n.\r\n')
        d.close()
        return answer.split()[-1]

    def listed(self, *filters):
        """In the order in which they were posted."""
        rows = self.system.m3mta_json('queue', 'list', *filters)
        return sorted((row['id'] for row in rows), key=self.place)

    def place(self, item):
        return self.ids.index(item) if item in self.ids else 9

    def attempts(self):
        return [self.system.db.queue.find_one(
            {'_id': ObjectId(i)})['attempts'] for i in self.ids]

    def test_filters(self):
        one, two, three = self.ids
        for words, want in (
                ([], [one, two, three]), (['--from=a@one.example'],
                                          [one, three]),
                (['--to=y@far.example'], [two]),
                (['--domain=far.example'], [one, two]),
                (['--domain=FAR.example', '--from=A@one.example'], [one]),
                (['--error=refused'], []), (['--older=1h'], []),
                (['--state=held'], []),
                (['--state=waiting'], [one, two, three])):
            with self.subTest(words):
                self.assertEqual(self.listed(*words), want)
        self.assertEqual(len(self.listed('--limit=2')), 2)
        self.system.m3mta('queue', 'list', '--state=x', code=64)
        self.system.m3mta('queue', 'list', '--older=x', code=64)
        self.system.mda()  # nobody listens
        # One was tried; for the others of the dead host it stood.
        tried = self.listed('--error=connect to')
        others = self.listed('--error=probed again')
        self.assertEqual(sorted(tried + others), sorted(self.ids))
        self.assertTrue(tried)
        self.system.db.queue.update_one(
            {'sender': 'b@one.example'},
            [{'$set': {'created_at': {'$subtract': [
                '$created_at', 7200000]}}}])
        self.assertEqual(self.listed('--older=1h'), [two])

    def test_table(self):
        text = self.system.m3mta('queue', 'list')
        self.assertEqual(text.split('\n')[0].split(), [
            'id', 'age', 'size', 'state', 'tries', 'from', 'to',
            'recipients', 'error'])
        self.assertIn(self.ids[0], text)
        self.assertIn('x@far.example', text)

    def test_count(self):
        self.post('a@one.example', 'p@far.example', 'q@far.example',
                  'r@near.example')
        self.system.m3mta('queue', 'hold', self.ids[2])
        rows = self.system.m3mta_json('queue', 'count')
        self.assertEqual(
            [(r['destination'], r['messages'], r['recipients'], r['held'])
             for r in rows],
            [('far.example', 3, 4, 0), ('near.example', 2, 2, 1)])
        rows = self.system.m3mta_json('queue', 'count',
                                      '--to=r@near.example')
        self.assertEqual(len(rows), 2)
        self.assertIn('destination', self.system.m3mta('queue', 'count'))

    def test_show(self):
        self.system.mda()
        text = self.system.m3mta('queue', 'show', self.ids[0])
        for part in ('a@one.example', 'x@far.example', '127.0.0.1',
                     'attempts', 'last answer'):
            self.assertIn(part, text)
        item = self.system.m3mta_json('queue', 'show', self.ids[0])
        self.assertEqual(item['attempts'], 1)
        self.assertEqual(item['recipients'][0]['address'], 'x@far.example')
        self.assertEqual(item['recipients'][0]['state'], 'P')
        self.assertIn('127.0.0.1', item['recipients'][0]['text'])
        self.system.m3mta('queue', 'show', 'f' * 24, code=1)
        self.system.m3mta('queue', 'show', 'x', code=64)

    def test_hold_and_release(self):
        s = self.system
        self.assertEqual(s.m3mta_json('queue', 'hold', self.ids[0],
                                      self.ids[1]), {'held': 2})
        self.assertEqual(self.listed('--held'), self.ids[:2])
        s.mda()
        self.assertEqual(self.attempts(), [0, 0, 1])
        self.assertEqual(s.m3mta_json('queue', 'release', '--held',
                                      '--from=a@one.example'),
                         {'released': 1})
        self.assertEqual(self.listed('--held'), [self.ids[1]])
        s.mda()
        self.assertEqual(self.attempts(), [1, 0, 1])

    def test_retry(self):
        s = self.system
        s.mda()
        s.db.limits.delete_many({})
        self.assertEqual(s.m3mta_json('queue', 'retry',
                                      '--domain=near.example'), {'due': 1})
        s.mda()
        self.assertEqual(self.attempts(), [1, 1, 2])

    def test_delete(self):
        self.assertEqual(self.system.m3mta_json(
            'queue', 'delete', '--to=z@near.example'), {'deleted': 1})
        self.assertEqual(self.listed(), self.ids[:2])
        self.system.m3mta('queue', 'delete', self.ids[2], code=1)
        # Everything at once is never what somebody wants by mistake.
        self.system.m3mta('queue', 'delete', code=64)
        self.assertEqual(self.listed(), self.ids[:2])
        self.system.verify()

    def test_bounce(self):
        s = self.system
        item = self.post('ann@example.org', 'x@far.example')
        self.assertEqual(s.m3mta_json('queue', 'bounce', item),
                         {'bouncing': 1})
        s.mda()
        s.mda()
        self.assertNotIn(item, self.listed())
        self.assertEqual(s.db.folders.find_one(
            {'name': 'INBOX'})['exists'], 1)

    def test_hostile_answers_do_not_reach_the_terminal(self):
        self.system.db.queue.update_one({}, {'$set': {
            'recipients.0.text': '\x1b]0;title\x07'}})
        text = self.system.m3mta('queue', 'list')
        self.assertNotIn('\x1b', text)
        rows = json.loads(self.system.run(
            [binary('m3mta'), '-c', self.system.config, '--json', 'queue',
             'list']).stdout)
        self.assertIn('\x1b', [r['error'][:1] for r in rows])


class Directory(LiveTest):
    def test_domains(self):
        s = self.system
        s.m3mta('domain', 'add', 'a.example')
        s.m3mta('domain', 'add', 'a.example', code=1)
        s.m3mta('domain', 'add', '-x', code=64)
        s.m3mta('domain', 'add', 'b.example', '--delivery=backup')
        s.m3mta('domain', 'set', 'a.example', '--max-size=1M', '--disable')
        names = {r['domain'] for r in s.m3mta_json('domain', 'list')}
        self.assertLessEqual({'a.example', 'b.example'}, names)
        shown = s.m3mta_json('domain', 'show', 'a.example')
        self.assertIn('disabled', str(shown))
        s.m3mta('domain', 'set', 'a.example', '--enable')
        s.add_mailbox('x@a.example')
        s.m3mta('domain', 'remove', 'a.example', code=1)
        s.m3mta('mailbox', 'remove', 'x@a.example', code=64)
        s.m3mta('mailbox', 'remove', 'x@a.example', '--yes')
        s.m3mta('domain', 'remove', 'a.example')
        s.m3mta('domain', 'show', 'a.example', code=1)
        s.m3mta('domain', 'remove', 'b.example')

    def test_addresses(self):
        s = self.system
        s.m3mta('domain', 'add', 'c.example')
        s.add_mailbox('ann@c.example', '--quota=1M')
        s.m3mta('mailbox', 'add', 'ann@c.example', '--no-password', code=1)
        s.m3mta('mailbox', 'add', 'x@elsewhere.example', '--no-password',
                code=1)
        s.m3mta('alias', 'add', 'al@c.example', 'ann@c.example',
                'far@x.example')
        s.m3mta('list', 'add', 'li@c.example', 'ann@c.example',
                '--owner=ann@c.example')
        s.m3mta('catchall', 'add', 'c.example', 'ann@c.example')
        self.assertEqual(
            [r['address'] for r in s.m3mta_json('alias', 'list')],
            ['*@c.example', 'al@c.example'])
        self.assertEqual(s.m3mta_json('list', 'list', 'c.example'), [
            {'address': 'li@c.example', 'owner': 'ann@c.example',
             'destinations': 'ann@c.example'}])
        self.assertEqual(s.m3mta_json('catchall', 'list'), [
            {'domain': 'c.example', 'destinations': 'ann@c.example'}])
        s.m3mta('catchall', 'remove', 'c.example')
        self.assertEqual(s.m3mta_json('catchall', 'list'), [])
        shown = s.m3mta_json('mailbox', 'show', 'ann@c.example')
        self.assertEqual(shown['quota'], 1048576)
        s.m3mta('alias', 'remove', 'al@c.example')
        s.m3mta('list', 'remove', 'li@c.example')
        s.m3mta('mailbox', 'remove', 'ann@c.example', '--yes')
        self.assertEqual(s.m3mta_json('mailbox', 'list', 'c.example'), [])
        s.verify()


if __name__ == '__main__':
    unittest.main()
