"""What is asked of both servers about the corpus, beside FETCH."""

FLAGS = ('()', '(\\Seen)', '(\\Flagged)', '(\\Answered \\Seen)', '(\\Draft)',
         '(\\Deleted)', '($Forwarded)', '(\\Seen Work)')


def flags(i):
    return FLAGS[i % len(FLAGS)]


def date(i):
    """INTERNALDATE of message i: some days, hours and zones."""
    return (f'{1 + i * 7 % 28:2}-{("Jan", "Feb", "Mar")[i % 3]}-2011 '
            f'{i % 24:02}:{i * 13 % 60:02}:{i % 60:02} '
            f'{("+0000", "-0800", "+0530", "+1400")[i % 4]}')


KEYS = '''ALL
NEW
OLD
RECENT
SEEN
UNSEEN
ANSWERED
UNANSWERED
DELETED
UNDELETED
DRAFT
UNDRAFT
FLAGGED
UNFLAGGED
KEYWORD Work
KEYWORD work
KEYWORD $Forwarded
UNKEYWORD Work
KEYWORD NoSuch
1:10
5,3,1
*
500:*
UID 1:10
UID *
UID 100000:*
NOT 1:530
NOT SEEN
OR SEEN FLAGGED
OR (SEEN FLAGGED) NOT (DRAFT DELETED)
NOT NOT SEEN
OR NOT SEEN NOT UNSEEN
(SEEN) (ANSWERED)
BEFORE 10-Feb-2011
ON 10-Feb-2011
SINCE 10-Feb-2011
BEFORE "1-Jan-2011"
ON 1-Mar-2011
SENTBEFORE 7-Feb-2011
SENTBEFORE 8-Feb-2011
SENTON 7-Feb-2011
SENTON 8-Feb-2011
SENTSINCE 8-Feb-2011
SENTSINCE 1-Mar-2012
SENTON 29-Feb-2011
SENTON 1-Jan-1970
LARGER 1000
LARGER 0
SMALLER 200
SMALLER 20
NOT SMALLER 300
LARGER 100 SMALLER 300
SUBJECT topic
SUBJECT TOPIC
SUBJECT "first"
SUBJECT "second"
SUBJECT "one two"
SUBJECT ""
SUBJECT "one two three"
SUBJECT "caf"
SUBJECT "café"
SUBJECT "CAFÉ and tea"
SUBJECT "abcdef"
SUBJECT "äöü"
SUBJECT "привет"
SUBJECT "日本語"
SUBJECT "größe"
SUBJECT "=?utf-8?"
SUBJECT "sprache"
SUBJECT "many inside"
SUBJECT "inner"
SUBJECT "starts on"
SUBJECT "quoted"
SUBJECT "quoted\\" \\\\"
FROM ann
FROM "ann@example.org"
FROM "Ann Other"
FROM "Other, Ann"
FROM "comment"
FROM "Änders"
FROM "Anna Other"
FROM "<ann@example.org>"
FROM "team"
FROM "undisclosed"
FROM "second@example"
FROM ""
FROM "ann@exämple"
TO bob
TO "t1@example.org"
TO "third"
TO "team"
CC "c@example.org"
CC ""
BCC "hidden"
BCC ""
HEADER Subject topic
HEADER subject ""
HEADER Date 2011
HEADER Date ""
HEADER Message-ID "<t5@x>"
HEADER Message-ID ""
HEADER In-Reply-To "abc"
HEADER References "<t1@x>"
HEADER References ""
HEADER Sender ""
HEADER Reply-To "c@"
HEADER Reply-To ""
HEADER Content-Type "multipart"
HEADER Content-Type "boundary=b"
HEADER Content-Type ""
HEADER Received "b17"
HEADER X-Field-299 "299"
HEADER X-Long "yyyy"
HEADER X-None ""
HEADER Content-Description "café"
HEADER Content-Disposition "attachment"
HEADER MIME-Version "1.0"
HEADER Resent-From "r@"
HEADER Prüfung "ja"
BODY needle
BODY NEEDLE
BODY "two blanks"
BODY "two  blanks"
BODY "and a line"
BODY "größe"
BODY "GRÖSSE"
BODY "Привет"
BODY "привет мир"
BODY "日本語"
BODY "中文"
BODY "€"
BODY "hello world"
BODY "aGVsbG8"
BODY "café"
BODY "straße"
BODY "strasse"
BODY "äöü"
BODY "digested"
BODY "inner"
BODY "innermost"
BODY "Subject: inner"
BODY "preamble"
BODY "epilogue"
BODY "Content-Type"
BODY "deep"
BODY "core"
BODY "the end"
BODY "sixty-four"
BODY "to fill it. sixty"
BODY "word word word"
BODY "nee_dle"
BODY "an attached"
BODY "Reporting-MTA"
BODY "R0lGODlh"
BODY "R0lGOD"
BODY "--b"
BODY "hidden"
BODY "nee<b>dle"
BODY ""
BODY "fin"
TEXT needle
TEXT topic
TEXT "Subject: topic"
TEXT "ann@example.org"
TEXT "größe"
TEXT "café"
TEXT "multipart/mixed"
TEXT "innermost"
TEXT "level 0"
TEXT "X-Field-299"
TEXT "one two"
TEXT "boundary"
TEXT ""
NOT BODY needle
NOT TEXT topic
OR SUBJECT topic BODY needle
OR BODY needle FROM "u3@"
SUBJECT topic UNSEEN
BODY needle SEEN SINCE 10-Feb-2011
NOT SUBJECT topic BODY deep
SUBJECT topic NOT FROM u1
OLDER 1000000
YOUNGER 1000000
'''.strip().split('\n')

SORTS = ('ARRIVAL', 'REVERSE ARRIVAL', 'DATE', 'REVERSE DATE', 'SIZE',
         'REVERSE SIZE', 'SUBJECT', 'REVERSE SUBJECT', 'FROM', 'TO', 'CC',
         'FROM SUBJECT', 'SUBJECT DATE', 'TO REVERSE SIZE')


def search_command(keys):
    if keys.isascii():
        return f'SEARCH {keys}'
    head, found = 'SEARCH CHARSET UTF-8 ', b''
    for piece in keys.split('"'):
        if piece.isascii():
            found += piece.encode() if not found.endswith(b'}') else b''
            continue
        text = piece.encode()
        found += b'{%d+}\r\n' % len(text) + text
    return head.encode() + found


def all_commands():
    for keys in KEYS:
        yield search_command(keys)
    yield 'SEARCH CHARSET US-ASCII SUBJECT topic'
    yield b'SEARCH CHARSET ISO-8859-1 BODY {5+}\r\ngr\xf6\xdfe'
    yield b'SEARCH CHARSET KOI8-R BODY {6+}\r\n\xf0\xd2\xc9\xd7\xc5\xd4'
    yield 'SEARCH CHARSET X-NONE SUBJECT topic'
    for by in SORTS:
        yield f'SORT ({by}) UTF-8 ALL'
    yield 'SORT (DATE) UTF-8 SUBJECT topic'
    for how in ('REFERENCES', 'ORDEREDSUBJECT'):
        yield f'THREAD {how} UTF-8 SUBJECT topic'
        yield f'THREAD {how} UTF-8 ALL'
