"""`m3mta verify` finds each broken invariant of store and queue."""
import unittest

import bson

from harness import LiveTest

# (what verify calls it, collection, filter, change)
FOLDER = {'name': 'INBOX', 'mailbox': 'ann@example.org'}
BREAKS = [
    ('folder-exists', 'folders', FOLDER, {'$inc': {'exists': 1}}),
    ('folder-size', 'folders', FOLDER, {'$inc': {'size': 1}}),
    ('folder-unseen', 'folders', FOLDER, {'$inc': {'unseen': 1}}),
    ('folder-deleted', 'folders', FOLDER, {'$inc': {'deleted': 1}}),
    ('uid-order', 'folders', FOLDER, {'$set': {'uidnext': bson.Int64(2)}}),
    ('entry-modseq', 'folders', FOLDER,
     {'$set': {'highestmodseq': bson.Int64(1)}}),
    ('entry-keyword', 'folders', FOLDER,
     {'$inc': {'tail.0.f': bson.Int64(1 << 40)}}),
    ('entry-size', 'folders', FOLDER, {'$inc': {'tail.0.s': 1, 'size': 1}}),
    ('entry-message', 'folders', FOLDER,
     {'$set': {'tail.0.i': bson.ObjectId()}}),
    ('folder-mailbox', 'folders', FOLDER,
     {'$set': {'mailbox': 'x@example.org'}}),
    ('folder-owner', 'folders', FOLDER,
     {'$set': {'owner': bson.Binary(b'x' * 16, 4)}}),
    ('page-range', 'pages', {}, {'$inc': {'hi': 1}}),
    ('page-modseq', 'pages', {}, {'$inc': {'mod': 1}}),
    ('page-unseen', 'pages', {}, {'$inc': {'un': 1}}),
    ('page-unseen', 'pages', {}, {'$inc': {'first': 1}}),
    ('page-length', 'pages', {}, {'$set': {'e': []}}),
    ('page-folder', 'pages', {}, {'$set': {'folder': bson.ObjectId()}}),
    ('annotation-folder', 'annotations', {},
     {'$set': {'folder': bson.ObjectId()}}),
    ('acl-share', 'shares', {}, {'$set': {'identifier': 'anyone'}}),
    ('share-entry', 'folders', FOLDER, {'$set': {'acl': []}}),
    ('share-entry', 'shares', {}, {'$set': {'folder': bson.ObjectId()}}),
    ('share-entry', 'shares', {},
     {'$set': {'owner': bson.Binary(b'x' * 16, 4)}}),
    ('acl-mailbox', 'folders', FOLDER,
     {'$set': {'acl.0.i': 'no@example.org'}}),
    ('message-size', 'messages', {}, {'$inc': {'size': 1}}),
    ('message-blob', 'messages', {}, {'$set': {'blob': bson.ObjectId()}}),
    ('quota', 'mailboxes', {}, {'$inc': {'size.current': 1}}),
    ('domain-count', 'domains', {}, {'$inc': {'addresses': 1}}),
    ('queue-blob', 'queue', {}, {'$set': {'blob': bson.ObjectId()},
                                 '$unset': {'body': 1}}),
    ('queue-size', 'queue', {}, {'$inc': {'size': 1}}),
    ('queue-bucket', 'queue', {}, {'$set': {'bucket': 64}}),
    ('queue-state', 'queue', {}, {'$set': {'recipients.0.state': 'Z'}}),
    ('queue-recipients', 'queue', {}, {'$set': {'recipients': []}}),
]


class Verify(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.add_mailbox('ann@example.org')
        for _ in range(2):  # the first batch is rolled into a page
            for _ in range(66):
                cls.submit(s)
            s.mda()
        cls.submit(s)
        inbox = s.db.folders.find_one(FOLDER)
        s.db.annotations.insert_one({
            'owner': inbox['owner'], 'folder': inbox['_id'],
            'name': '/private/x', 'value': b'x'})
        s.m3mta('mailbox', 'add', 'bob@example.org', '--no-password')
        s.m3mta('acl', 'set', 'ann@example.org', 'INBOX', 'bob@example.org',
                'lr')

    @staticmethod
    def submit(s):
        s.run([s_binary(), '-c', s.config],
              data=b'EHLO x\r\nMAIL FROM:<s@x.y>\r\n'
                   b'RCPT TO:<ann@example.org>\r\nDATA\r\n'
                   b'Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n')

    def problems(self):
        out = self.system.run(
            [s_binary().replace('-smtp', ''), '-c', self.system.config,
             'verify'], code=None)
        return out.returncode, {
            line.split(' ')[0]
            for line in out.stdout.decode().splitlines() if ': ' in line}

    def test_each(self):
        db = self.system.db
        # Something is left in the tail, whatever was rolled.
        self.submit(self.system)
        self.system.mda()
        self.submit(self.system)
        self.assertEqual(self.problems(), (0, set()))
        self.assertGreater(db.pages.count_documents({}), 0)
        for what, collection, query, change in BREAKS:
            with self.subTest(what):
                before = db[collection].find_one(query)
                db[collection].update_one({'_id': before['_id']}, change)
                code, found = self.problems()
                db[collection].replace_one({'_id': before['_id']}, before)
                self.assertEqual(code, 1)
                self.assertIn(what, found)
        self.assertEqual(self.problems(), (0, set()))

    def test_a_missing_chunk(self):
        chunk = self.system.db.blobs.find_one()
        self.system.db.blobs.delete_one({'_id': chunk['_id']})
        code, found = self.problems()
        self.system.db.blobs.insert_one(chunk)
        self.assertEqual(code, 1)
        self.assertTrue(found & {'message-blob', 'queue-blob'})


def s_binary():
    from harness import binary
    return binary('m3mta-smtp')


if __name__ == '__main__':
    unittest.main()
