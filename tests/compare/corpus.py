"""Messages from the odd corners of RFC 822, 2045-2049, 2183, 2231, 2557,
3282, 5322, 6532 and of real mail: the same list at every run. `messages()`
gives (name, octets); lines end in CRLF unless the message is about that.

No octet is NUL, and no message holds the time it was made at."""

NL = '\r\n'
HEAD = ('From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\n'
        'Date: Mon, 7 Feb 2011 21:52:25 -0800\r\n')


def octets(text):
    return text if isinstance(text, bytes) else text.encode('utf-8')


def mail(header='', body='body\r\n', head=HEAD):
    return octets(head) + octets(header) + b'\r\n' + octets(body)


def typed(content_type, body='body\r\n', more=''):
    return mail(f'MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n{more}',
                body)


def parts(*list_of, boundary='b', preamble='', epilogue='', end=True):
    """A multipart body; each part is header, empty line and body."""
    text = octets(preamble)
    for part in list_of:
        text += octets(f'--{boundary}\r\n') + octets(part) + b'\r\n'
    if end:
        text += octets(f'--{boundary}--\r\n')
    return text + octets(epilogue)


def multi(*list_of, kind='mixed', more='', **how):
    return typed(f'multipart/{kind}; boundary={how.get("boundary", "b")}',
                 parts(*list_of, **how), more)


def text_part(text='inside', kind='text/plain', more=''):
    return f'Content-Type: {kind}\r\n{more}\r\n{text}'


# --- envelope ------------------------------------------------------------------

ADDRESSES = [
    'ann@example.org',
    '<ann@example.org>',
    'Ann Other <ann@example.org>',
    '"Other, Ann" <ann@example.org>',
    '"Ann \\"the\\" Other" <ann@example.org>',
    '"Back\\\\slash" <ann@example.org>',
    'ann@example.org (Ann Other)',
    'ann@example.org (Ann (nested) Other)',
    'Ann (comment) Other <ann@example.org> (after)',
    'ann(a)@(b)example.org',
    'ann @ example . org',
    '"quoted local"@example.org',
    '"ann.other"@example.org',
    'ann.other+tag@example.org',
    'ann@[192.0.2.1]',
    'ann@[IPv6:2001:db8::1]',
    '<@a.example,@b.example:ann@example.org>',
    'Route <@a.example:ann@example.org>',
    'Team: ann@example.org, Bob <bob@example.org>;',
    'Team: ;',
    'undisclosed-recipients:;',
    'Team: ann@example.org;, carl@example.org',
    'a@example.org, Team: b@example.org; , c@example.org',
    '"Team, the": ann@example.org;',
    'One: a@example.org;, Two: b@example.org, c@example.org;',
    'a@example.org,b@example.org,c@example.org',
    'a@example.org, , b@example.org',
    ', a@example.org',
    'a@example.org,',
    'a@example.org; b@example.org',
    '',
    '   ',
    '<>',
    'Nobody <>',
    'ann',
    'Ann Other',
    '<ann>',
    'Ann <ann>',
    '@example.org',
    '<@example.org>',
    'ann@',
    '<ann@>',
    'ann@@example.org',
    'ann@example@org',
    '.ann@example.org',
    'ann..other@example.org',
    'ann.@example.org',
    'ann@example..org',
    'Ann Other <ann@example.org',
    'Ann Other ann@example.org>',
    'Ann "Middle" Other <ann@example.org>',
    'Dr. Ann Other <ann@example.org>',
    'Ann O. <ann@example.org>',
    "O'Neil <ann@example.org>",
    'ann@example.org <ann@example.org>',
    'Ann @ Home <ann@example.org>',
    'Ann, Other <ann@example.org>',
    '"unclosed <ann@example.org>',
    '(unclosed ann@example.org',
    '() ann@example.org',
    '=?utf-8?q?Ann_=C3=84nders?= <ann@example.org>',
    '=?utf-8?b?w4RubmE=?= =?utf-8?b?IE90aGVy?= <ann@example.org>',
    '"=?utf-8?q?quoted?=" <ann@example.org>',
    '=?utf-8?q?Ann=2C_Other?= <ann@example.org>',
    'Änne <änne@example.org>',
    'Ann <ann@exämple.org>',
    'Ann <ann@example.org> extra words',
    'Ann <ann@example.org> <bob@example.org>',
    'Ann\tTab <ann@example.org>',
    'Ann\r\n Folded <ann@example.org>',
    'Ann <ann@example.org>,\r\n\tBob <bob@example.org>',
    'Ann <\r\n ann@example.org>',
    'a@b, "c d" <c@d> (x), e:f@g,h@i;,<@j,@k:l@m>',
    'ann%other@example.org',
    'host!ann',
    'ann@example.org.',
    'Ann <mailto:ann@example.org>',
    '[Ann] <ann@example.org>',
    'Ann [x] <ann@example.org>',
    '<ann@example.org>, <bob@example.org>',
    'Ann: <ann@example.org>',
    'Ann;',
    ':;',
    '"" <ann@example.org>',
    '""@example.org',
    'ann@""',
    '\\ann@example.org',
    'Ann\\ Other <ann@example.org>',
]


def addresses():
    for i, text in enumerate(ADDRESSES):
        yield f'address-{i:03}', mail(
            f'From: {text}\r\nTo: {text}\r\nSubject: address {i}\r\n',
            head='Date: Mon, 7 Feb 2011 21:52:25 -0800\r\n')
    for field in ('Sender', 'Reply-To', 'Cc', 'Bcc'):
        for i, text in enumerate(('c@example.org', 'Team: c@example.org;',
                                  '', 'broken', 'a@x, b@y')):
            yield f'field-{field.lower()}-{i}', mail(
                f'{field}: {text}\r\n')


HEADERS = {
    'nothing': b'\r\n',
    'only-body': b'\r\nonly a body\r\n',
    'no-header-end': b'Subject: no end of the header\r\n',
    'no-last-newline': b'Subject: x\r\n\r\nno newline at the end',
    'header-no-newline': b'Subject: x',
    'blank-body': mail('Subject: empty\r\n', ''),
    'two-newlines': mail('Subject: x\r\n', '\r\n\r\n'),
    'not-a-header': b'this is not a header\r\nSubject: x\r\n\r\nbody\r\n',
    'not-a-header-2': b'Subject: x\r\nthis is not a header\r\n'
                      b'From: a@b\r\n\r\nbody\r\n',
    'from-line': b'From ann Mon Feb  7 21:52:25 2011\r\nSubject: x\r\n'
                 b'\r\nbody\r\n',
    'starts-folded': b' folded first line\r\nSubject: x\r\n\r\nbody\r\n',
    'blank-before-colon': mail('Subject : blank before the colon\r\n'),
    'tab-before-colon': mail('Subject\t: tab before the colon\r\n'),
    'no-blank-after-colon': mail('Subject:none\r\n'),
    'many-blanks-after-colon': mail('Subject:   \t  many   inside  \r\n'),
    'lower-names': b'from: a@example.org\r\nto: b@example.org\r\n'
                   b'subject: lower\r\n\r\nbody\r\n',
    'upper-names': b'FROM: a@example.org\r\nTO: b@example.org\r\n'
                   b'SUBJECT: UPPER\r\n\r\nbody\r\n',
    'empty-subject': mail('Subject:\r\n'),
    'blank-subject': mail('Subject:  \t \r\n'),
    'two-subjects': mail('Subject: first\r\nSubject: second\r\n'),
    'two-froms': mail('From: second@example.org\r\n'),
    'two-dates': mail('Date: Tue, 8 Mar 2011 00:00:00 +0000\r\n'),
    'two-tos': mail('To: second@example.org\r\nTo: third@example.org\r\n'),
    'two-message-ids': mail('Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n'),
    'two-content-types': mail('Content-Type: text/html\r\n'
                              'Content-Type: text/plain\r\n'),
    'folded-subject': mail('Subject: one\r\n two\r\n\tthree\r\n  four\r\n'),
    'folded-empty-line': mail('Subject: one\r\n \r\n two\r\n'),
    'folded-only': mail('Subject:\r\n starts on the second line\r\n'),
    'folded-blank-end': mail('Subject: ends in a blank line\r\n \r\n'),
    'subject-quotes': mail('Subject: "quoted" \\ back {5}\r\n'),
    'subject-encoded': mail('Subject: =?utf-8?q?caf=C3=A9?= and =?utf-8?b?'
                            'dGVh?=\r\n'),
    'subject-encoded-adjacent': mail(
        'Subject: =?utf-8?q?abc?= =?utf-8?q?def?=\r\n ='
        '?iso-8859-1?q?=E4?=\r\n'),
    'subject-encoded-split': mail(
        'Subject: =?utf-8?b?w6TD?= =?utf-8?b?tsO8?=\r\n'),
    'subject-encoded-bad': mail('Subject: =?utf-8?x?abc?= =?utf-8?q?abc\r\n'),
    'subject-encoded-charset': mail(
        'Subject: =?no-such?q?abc?= =?utf-8*de?q?sprache?=\r\n'),
    'subject-koi8': mail('Subject: =?koi8-r?b?8NLJ18XU?=\r\n'),
    'subject-jis': mail('Subject: =?iso-2022-jp?b?GyRCRnxLXBsoQg==?=\r\n'),
    'subject-utf8': mail('Subject: Größe 日本語\r\n'),
    'subject-latin1': mail(b'Subject: Gr\xf6\xdfe\r\n'),
    'subject-controls': mail(b'Subject: a\x01b\x7fc\x1b[0m\r\n'),
    'subject-long': mail('Subject: ' + 'word ' * 300 + '\r\n'),
    'subject-2000': mail('Subject: ' + 'x' * 2000 + '\r\n'),
    'header-long-line': mail('X-Long: ' + 'y' * 9000 + '\r\n'),
    'header-many-fields': mail(''.join(
        f'X-Field-{i}: value {i}\r\n' for i in range(300))),
    'header-received': mail(''.join(
        f'Received: from a{i} by b{i}; Mon, 7 Feb 2011 21:52:{i:02} +0000\r\n'
        for i in range(30))),
    'message-id': mail('Message-ID: <abc@example.org>\r\n'),
    'message-id-bare': mail('Message-ID: abc@example.org\r\n'),
    'message-id-blanks': mail('Message-ID:   < abc @ example.org >  \r\n'),
    'message-id-comment': mail('Message-ID: (c) <abc@example.org> (d)\r\n'),
    'message-id-empty': mail('Message-ID:\r\n'),
    'in-reply-to': mail('In-Reply-To: <abc@example.org> <def@example.org>'
                        '\r\nMessage-ID: <r1@example.org>\r\n'),
    'in-reply-to-words': mail('In-Reply-To: Your message of Monday '
                              '<abc@example.org>\r\n'),
    'in-reply-to-folded': mail('In-Reply-To:\r\n <abc@example.org>\r\n'),
    'references': mail('References: <abc@example.org>\r\n <r1@example.org>'
                       '\r\nMessage-ID: <r2@example.org>\r\n'
                       'Subject: Re: x\r\n'),
    'no-from': mail(head='To: b@example.org\r\n'),
    'sender-only': mail('Sender: s@example.org\r\n', head=''),
    'reply-to-only': mail('Reply-To: r@example.org\r\n', head=''),
    'bcc': mail('Bcc: hidden@example.org\r\n'),
    'resent': mail('Resent-From: r@example.org\r\n'
                   'Resent-To: t@example.org\r\n'
                   'Resent-Date: Tue, 8 Feb 2011 00:00:00 +0000\r\n'),
    'field-name-odd': mail('X-Odd!#$%&: value\r\nX_under: v\r\n'),
    'field-empty-name': mail(': no name\r\n'),
    'field-utf8-name': mail('Prüfung: ja\r\n'),
    'priority': mail('X-Priority: 1\r\nImportance: high\r\n'
                     'List-Id: <list.example.org>\r\n'),
}

DATES = [
    'Mon, 7 Feb 2011 21:52:25 -0800', '7 Feb 2011 21:52:25 -0800',
    'Mon, 07 Feb 2011 21:52 +0000', 'Mon, 7 Feb 11 21:52:25 GMT',
    'Monday, 7 February 2011 21:52:25 +0000', 'Mon, 7 Feb 2011 21:52:25 EST',
    'Mon, 7 Feb 2011 21:52:25 (comment) +0100 (CET)',
    'Mon,7 Feb 2011 21:52:25 +0000', 'Tue, 29 Feb 2011 00:00:00 +0000',
    'Mon, 7 Feb 2011 21:52:60 +0000', 'Mon, 7 Feb 2011 24:00:00 +0000',
    'Mon, 7 Feb 2011 21:52:25', '2011-02-07 21:52:25 +0000', 'yesterday', '',
    'Mon Feb  7 21:52:25 2011', 'Mon, 7 Feb 2011\r\n 21:52:25 +0000',
    'Mon, 7 Feb 2011 23:30:00 -0800', 'Tue, 8 Feb 2011 00:30:00 +1400',
    'Mon, 7 Feb 2011 21:52:25 UT', 'Mon, 7 Feb 2011 21:52:25 Z',
    'Thu, 1 Jan 1970 00:00:00 +0000', 'Fri, 31 Dec 1999 23:59:59 -0000',
]


def headers():
    yield from (('header-' + k, v) for k, v in HEADERS.items())
    for i, date in enumerate(DATES):
        yield f'date-{i:02}', mail(
            f'Subject: date {i}\r\nDate: {date}\r\n',
            head='From: a@example.org\r\n')


# --- types and parameters ------------------------------------------------------

TYPES = [
    'text/plain', 'TEXT/PLAIN', 'Text/Html; charset=utf-8', 'text',
    'text/', '/plain', '', ' ', ';', 'text/plain;', 'text/plain;;',
    'text/plain; charset', 'text/plain; charset=',
    'text/plain; charset=""', 'text/plain; =utf-8',
    'text/plain; charset = "utf-8"', 'text/plain;charset=utf-8;format=flowed',
    'text/plain; charset=utf-8 format=flowed',
    'text/plain; charset="utf-8"; charset="latin1"',
    'text/plain (comment); charset=utf-8 (comment)',
    'text (a) / (b) plain; charset (c) = (d) utf-8',
    'text/plain; charset="a\\"b\\\\c"', 'text/plain; name="a;b=c"',
    'text/plain; name="unclosed', 'text/plain; name=a b c',
    'text/plain; name=caf\u00e9.txt', 'text/plain; name="caf\u00e9 \u65e5.txt"',
    'text/plain; name="=?utf-8?q?caf=C3=A9?="',
    'text/plain; name==?utf-8?q?caf=C3=A9?=',
    "text/plain; name*=utf-8''caf%C3%A9.txt",
    "text/plain; name*=utf-8'fr'caf%c3%a9%20x.txt",
    "text/plain; name*=iso-8859-1''caf%E9.txt",
    "text/plain; name*=''plain", "text/plain; name*=bad", "text/plain; "
    "name*=utf-8''bad%ZZ%4", 'text/plain; name*0=ab; name*1=cd; name*2=ef',
    'text/plain; name*1=cd; name*0=ab', 'text/plain; name*0=ab; name*2=ef',
    'text/plain; name*1=cd', "text/plain; name*0*=utf-8''a%20; name*1=b%20;"
    " name*2*=c%20", 'text/plain; name*0="a b"; name*1="c d"',
    "text/plain; name=old; name*=utf-8''new",
    "text/plain; name*=utf-8''new; name=old",
    'text/plain; name*0=a; name*0=b; name*1=c',
    'text/plain;\r\n charset=utf-8;\r\n\tname=folded',
    'text/plain; name="folded\r\n inside"', 'text/plain; a/b=c; d=e/f',
    'text/plain; x@y=z', 'text/plain; name=a,b', 'text/plain, text/html',
    'text/x-token!#$%&', 'text/plain/extra; a=b', 'application/octet-stream',
    'image/png; name=x.png', 'message/delivery-status', 'message/partial; '
    'id="a@b"; number=1; total=3', 'message/external-body; access-type=url; '
    'url="http://example.org/"', 'multipart/mixed', 'multipart/mixed; '
    'boundary=', 'multipart/mixed; boundary=""', 'multipart; boundary=b',
    'multipart/; boundary=b', 'x-unknown/x-sub; a=b', 'message/rfc822',
    'text/plain; charset=utf-8; charset*=ascii\'\'x', 'text/calendar; '
    'method=REQUEST; charset="utf-8"', '"text/plain"', 'text/"plain"',
    'text/pl ain', 'te xt/plain', 'text\\/plain', 'text/plain ; a = b ; c',
    'text/plain; ' + '; '.join(f'p{i}=v{i}' for i in range(40)),
    'text/plain; long=' + 'v' * 900,
]


def types():
    for i, t in enumerate(TYPES):
        yield f'type-{i:02}', typed(t, f'--b\r\n\r\ntype {i}\r\n--b--\r\n')
    for i, t in enumerate(TYPES[::4]):
        yield f'part-type-{i:02}', multi(
            text_part('inside', t), text_part('second'))


FIELDS = [
    'Content-ID: <id@example.org>', 'Content-ID: bare', 'Content-ID:',
    'Content-ID:  <blanks@x>  (comment)',
    'Content-Description: a description',
    'Content-Description: =?utf-8?q?caf=C3=A9?=',
    'Content-Description:\r\n folded\r\n description',
    'Content-Description:', 'Content-Description: "quoted \\ x"',
    'Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==', 'Content-MD5:',
    'Content-Disposition: inline', 'Content-Disposition: ATTACHMENT',
    'Content-Disposition: attachment; filename=a.txt',
    'Content-Disposition: attachment; filename="a b.txt"; size=12;\r\n '
    'creation-date="Mon, 7 Feb 2011 21:52:25 -0800"',
    "Content-Disposition: attachment; filename*=utf-8''%C3%A9.txt",
    'Content-Disposition: attachment; filename*0=a; filename*1=b',
    'Content-Disposition: ; filename=a', 'Content-Disposition:',
    'Content-Disposition: attachment filename=a',
    'Content-Disposition: x-odd (c); a="b" (d)',
    'Content-Language: en', 'Content-Language: en, de, fr-CA',
    'Content-Language: en (English) , de', 'Content-Language:',
    'Content-Language: en;de', 'Content-Language: , en',
    'Content-Location: http://example.org/a b', 'Content-Location:',
    'Content-Location: "http://example.org/"',
    'Content-Location: http://example.org/\r\n folded',
    'Content-Transfer-Encoding: base64', 'Content-Transfer-Encoding: BASE64',
    'Content-Transfer-Encoding: quoted-printable',
    'Content-Transfer-Encoding: 8bit', 'Content-Transfer-Encoding: binary',
    'Content-Transfer-Encoding:', 'Content-Transfer-Encoding: x-unknown',
    'Content-Transfer-Encoding: base64 (comment)',
    'Content-Transfer-Encoding: "base64"',
    'Content-Transfer-Encoding: base64; a=b',
    'Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64',
    'Content-Base: http://example.org/\r\nContent-Features: x',
]


def fields():
    for i, f in enumerate(FIELDS):
        yield f'content-{i:02}', mail(
            f'MIME-Version: 1.0\r\n{f}\r\n', 'aGVsbG8gd29ybGQ=\r\n')
        if i % 2 == 0:
            yield f'part-content-{i:02}', multi(
                f'{f}\r\n\r\naGVsbG8gd29ybGQ=', text_part(
                    'x', 'image/gif', f + '\r\n'))
    yield 'content-no-mime-version', mail(
        'Content-Type: text/html; charset=utf-8\r\n', '<p>\r\n')
    yield 'content-mime-version-odd', mail(
        'MIME-Version: (c) 1.0 (d)\r\nContent-Type: text/html\r\n', '<p>\r\n')
    yield 'content-mime-version-2', mail(
        'MIME-Version: 2.0\r\nContent-Type: text/html\r\n', '<p>\r\n')


# --- multiparts ----------------------------------------------------------------

def nested(depth, inner):
    body = octets(inner)
    for i in range(depth):
        body = (octets(f'Content-Type: multipart/mixed; boundary=n{i}\r\n'
                       f'\r\n') + parts(body, boundary=f'n{i}'))
    return octets(HEAD) + body


def forwarded(depth):
    inner = mail('Subject: innermost\r\n', 'the end\r\n')
    for i in range(depth):
        inner = mail(f'Subject: level {i}\r\nContent-Type: message/rfc822'
                     '\r\n', inner)
    return inner


def rfc822(inner, more=''):
    return octets(f'Content-Type: message/rfc822\r\n{more}\r\n') + \
        octets(inner)


def multiparts():
    two = (text_part('one'), text_part('two'))
    for kind in ('mixed', 'alternative', 'related', 'parallel', 'digest',
                 'report', 'signed', 'encrypted', 'form-data', 'x-odd'):
        yield f'multi-{kind}', multi(*two, kind=kind)
        yield f'multi-{kind}-bare', multi('\r\nbare', '\r\nbare 2', kind=kind)
    plain = mail('Subject: in the digest\r\n', 'digested\r\n')
    yield 'multi-digest-real', multi(b'\r\n' + plain, b'\r\n' + plain,
                                     kind='digest')
    yield 'multi-digest-text', multi(
        text_part(), b'\r\n' + plain, kind='digest')
    yield 'multi-digest-empty', multi('\r\n', '', kind='digest')
    yield 'multi-report-real', multi(
        text_part('failed'),
        'Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x'
        '\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed',
        rfc822(plain), kind='report; report-type=delivery-status')
    yield 'multi-preamble', multi(*two, preamble='preamble\r\n')
    yield 'multi-epilogue', multi(*two, epilogue='epilogue\r\n')
    yield 'multi-both', multi(*two, preamble='pre\r\n\r\n',
                              epilogue='\r\nepi\r\nlogue')
    yield 'multi-no-end', multi(*two, end=False)
    yield 'multi-no-end-newline', multi(*two, end=False)[:-2]
    yield 'multi-no-parts', typed('multipart/mixed; boundary=b', '--b--\r\n')
    yield 'multi-only-preamble', typed('multipart/mixed; boundary=b',
                                       'no boundary\r\nat all\r\n')
    yield 'multi-empty-body', typed('multipart/mixed; boundary=b', '')
    yield 'multi-empty-parts', multi('', '', '\r\n', '\r\n\r\n')
    yield 'multi-only-start', typed('multipart/mixed; boundary=b', '--b\r\n')
    yield 'multi-only-start-2', typed('multipart/mixed; boundary=b', '--b')
    yield 'multi-header-only-part', multi('Content-Type: text/html')
    yield 'multi-header-cut', multi('Content-Type: text/html\r\n'
                                    'Content-ID: <x>', end=False)
    yield 'multi-no-boundary', typed('multipart/mixed', parts(*two))
    yield 'multi-wrong-boundary', typed('multipart/mixed; boundary=c',
                                        parts(*two))
    yield 'multi-boundary-quoted', multi(*two, boundary='"a b:c=?"'[1:-1]) \
        .replace(b'boundary=a b:c=?', b'boundary="a b:c=?"')
    yield 'multi-boundary-long', multi(*two, boundary='x' * 70)
    yield 'multi-boundary-too-long', multi(*two, boundary='x' * 100)
    yield 'multi-boundary-trailing', multi(*two).replace(
        b'--b\r\n', b'--b  \t\r\n').replace(b'--b--\r\n', b'--b-- \r\n')
    yield 'multi-boundary-glued', multi(*two, preamble='--bx\r\n--b y\r\n')
    yield 'multi-boundary-prefix', multi(
        'Content-Type: multipart/mixed; boundary=bb\r\n\r\n' +
        parts(*two, boundary='bb').decode(), text_part('after'))
    yield 'multi-boundary-same', multi(
        'Content-Type: multipart/mixed; boundary=b\r\n\r\n' +
        parts(*two).decode(), text_part('after'))
    yield 'multi-boundary-dashes', multi(*two, boundary='--')
    yield 'multi-boundary-case', typed('multipart/mixed; boundary=B',
                                       parts(*two))
    yield 'multi-boundary-in-text', multi(text_part(
        'x --b y\r\n--b is not alone\r\n -- b\r\n--\r\n'))
    yield 'multi-end-twice', multi(*two, epilogue='--b\r\n\r\nthird\r\n'
                                   '--b--\r\n')
    yield 'multi-start-at-once', typed(
        'multipart/mixed; boundary=b', parts(*two).lstrip())
    yield 'multi-blank-lines', multi(*two, preamble='\r\n\r\n',
                                     epilogue='\r\n\r\n')
    yield 'multi-inner-no-end', multi(
        'Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\n'
        'inner', text_part('outer'))
    yield 'multi-inner-no-boundary', multi(
        'Content-Type: multipart/alternative\r\n\r\ninner', text_part())
    yield 'multi-inner-empty', multi(
        'Content-Type: multipart/alternative; boundary=i\r\n\r\n--i--\r\n')
    yield 'multi-rfc2046', multi(
        '\r\nThis is implicitly typed plain US-ASCII text.\r\nIt does NOT '
        'end with a linebreak.', 'Content-type: text/plain; charset=us-ascii'
        '\r\n\r\nThis is explicitly typed plain ASCII text.\r\nIt DOES end '
        'with a linebreak.\r\n', preamble='This is the preamble.\r\n\r\n',
        epilogue='\r\nThis is the epilogue.\r\n', boundary='simple')
    yield 'multi-attach', multi(
        'Content-Type: multipart/related; boundary=r\r\n\r\n' + parts(
            'Content-Type: multipart/alternative; boundary=a\r\n\r\n' +
            parts(text_part('plain'), text_part('<p>', 'text/html'),
                  boundary='a').decode(),
            text_part('R0lGODlh', 'image/gif; name=x.gif',
                      'Content-Transfer-Encoding: base64\r\n'
                      'Content-ID: <x>\r\n'), boundary='r').decode(),
        text_part('JVBERi0x', 'application/pdf', 'Content-Transfer-Encoding:'
                  ' base64\r\nContent-Disposition: attachment; '
                  'filename=a.pdf\r\n'))
    for n in (2, 10, 50):
        yield f'multi-{n}-parts', multi(*[text_part(f'part {i}')
                                          for i in range(n)])
    for n in (3, 8, 20):
        yield f'depth-{n}', nested(n, text_part('deep'))


def messages_inside():
    plain = mail('Subject: inner\r\nMessage-ID: <in@x>\r\n', 'inner\r\n')
    for n in (1, 2, 5):
        yield f'forward-{n}', forwarded(n)
    yield 'inner-in-multi', multi(text_part(), rfc822(plain))
    yield 'inner-multi', multi(text_part(), rfc822(multi(
        text_part('a'), text_part('b'), boundary='i')))
    yield 'inner-multi-root', mail('Content-Type: message/rfc822\r\n', multi(
        text_part('a'), text_part('b', 'text/html')))
    yield 'inner-same-boundary', multi(rfc822(multi(text_part('a'))),
                                       text_part('c'))
    yield 'inner-no-header-end', multi(rfc822('Subject: cut'))
    yield 'inner-empty', multi(rfc822(''), text_part())
    yield 'inner-only-newline', multi(rfc822('\r\n'))
    yield 'inner-no-from', multi(rfc822('\r\nno header'))
    yield 'inner-root-empty', mail('Content-Type: message/rfc822\r\n', '')
    yield 'inner-encoded', multi(rfc822(
        'U3ViamVjdDogZW5jb2RlZA0KDQpib2R5', 'Content-Transfer-Encoding: '
        'base64\r\n'))
    yield 'inner-8bit', multi(rfc822(
        'Subject: Größe\r\nFrom: Ä <a@b>\r\n\r\nGröße\r\n',
        'Content-Transfer-Encoding: 8bit\r\n'))
    yield 'inner-global', multi('Content-Type: message/global\r\n\r\n'
                                'Subject: Größe\r\n\r\nx')
    yield 'inner-disposition', multi(rfc822(
        plain, 'Content-Disposition: attachment; filename="fwd.eml"\r\n'
        'Content-Description: forwarded\r\nContent-ID: <f@x>\r\n'))
    yield 'inner-group', multi(rfc822(
        'To: Team: a@b;\r\nCc: undisclosed-recipients:;\r\n\r\nx'))
    yield 'inner-headers-only', multi(
        'Content-Type: text/rfc822-headers\r\n\r\nSubject: only\r\n')
    yield 'inner-chain', multi(rfc822(multi(rfc822(multi(
        text_part('core'), boundary='z')), boundary='y')), boundary='x')
    yield 'inner-lines', multi(rfc822(
        'Subject: lines\r\n\r\n1\r\n2\r\n3'), rfc822(
            'Subject: lines\r\n\r\n1\r\n2\r\n3\r\n'))
    yield 'inner-partial', multi(
        'Content-Type: message/partial; number=1; total=2; id=x\r\n\r\n'
        'Subject: part one\r\n\r\nfirst half')


# --- bodies, charsets, encodings -----------------------------------------------

CHARSETS = [('utf-8', 'Größe 日本語 Ωmega'), ('iso-8859-1', 'Größe café'),
            ('iso-8859-15', 'Größe €'), ('windows-1252', 'Größe – €'),
            ('koi8-r', 'Привет мир'), ('windows-1251', 'Привет мир'),
            ('iso-2022-jp', '日本語'), ('shift_jis', '日本語'),
            ('euc-jp', '日本語'), ('gb2312', '中文'), ('big5', '中文'),
            ('utf-16', 'Größe wide'), ('us-ascii', 'plain needle')]


def encodings():
    import base64
    import quopri
    for charset, text in CHARSETS:
        raw = text.encode(charset).replace(b'\0', b' ')
        encoded = base64.encodebytes(text.encode(charset)).replace(
            b'\n', b'\r\n')
        yield f'charset-{charset}-base64', typed(
            f'text/plain; charset={charset}', encoded,
            'Content-Transfer-Encoding: base64\r\n')
        if charset == 'utf-16':
            continue
        yield f'charset-{charset}-8bit', typed(
            f'text/plain; charset={charset}', raw + b'\r\n',
            'Content-Transfer-Encoding: 8bit\r\n')
        yield f'charset-{charset}-qp', typed(
            f'text/plain; charset={charset}',
            quopri.encodestring(raw).replace(b'\n', b'\r\n') + b'\r\n',
            'Content-Transfer-Encoding: quoted-printable\r\n')
    b64 = 'Content-Transfer-Encoding: base64\r\n'
    qp = 'Content-Transfer-Encoding: quoted-printable\r\n'
    for name, body, how in (
            ('b64-blanks', 'bmVl ZGxl\r\n  IGhl\r\ncmU=\r\n', b64),
            ('b64-no-pad', 'bmVlZGxlIGhlcg', b64),
            ('b64-bad', 'bmVl*ZGxl!IGhlcmU=\r\n', b64),
            ('b64-after-end', 'bmVlZGxl\r\nIGE=\r\nbW9yZQ==\r\n', b64),
            ('b64-empty', '', b64),
            ('b64-split-word', 'bmVlZG\r\nxlIGhlcmU=\r\n', b64),
            ('qp-soft', 'nee=\r\ndle=20here=\r\n', qp),
            ('qp-soft-blank', 'nee=  \r\ndle\r\n', qp),
            ('qp-lower', 'caf=c3=a9 needle\r\n', qp),
            ('qp-bad', '=ZZ nee=dle =\r\n=4', qp),
            ('qp-trailing', 'needle   \r\nnext\t\r\n', qp),
            ('qp-underscore', 'nee_dle\r\n', qp)):
        yield 'enc-' + name, typed('text/plain; charset=utf-8', body, how)
    yield 'enc-uuencode', typed(
        'text/plain', 'begin 644 x\r\n#0V%T\r\n`\r\nend\r\n',
        'Content-Transfer-Encoding: x-uuencode\r\n')
    yield 'enc-html', typed(
        'text/html; charset=utf-8',
        '<p>nee<b>dle</b> caf&eacute; <!-- hidden --></p>\r\n')
    yield 'enc-charset-unknown', typed('text/plain; charset=x-none',
                                       b'needle \xe4\xf6\r\n')
    yield 'enc-charset-missing', mail('', b'needle gr\xc3\xb6\xc3\x9fe\r\n')
    yield 'enc-utf8-broken', typed('text/plain; charset=utf-8',
                                   b'needle \xc3\x28 \xff\xfe end\r\n')
    yield 'enc-attached-text', multi(text_part(
        'an attached needle', 'text/plain', 'Content-Disposition: attachment'
        '\r\n'), text_part('bmVlZGxl', 'application/x-needle', b64))


def bodies():
    yield 'body-no-crlf', mail('', 'one line')
    yield 'body-long-line', mail('', 'z' * 5000 + '\r\n')
    yield 'body-very-long-line', mail('', 'word ' * 20000 + '\r\n')
    yield 'body-dots', mail('', '.\r\n..\r\n.x\r\n')
    yield 'body-blank-lines', mail('', '\r\n' * 20)
    yield 'body-8bit', mail('', bytes(range(128, 256)) + b'\r\n')
    yield 'body-controls', mail('', bytes(range(1, 9)) + b'\x0b\x0c\x0e\r\n')
    yield 'body-bare-cr', mail('', 'a\rb\rc\r\n')
    yield 'body-bare-lf', mail('', 'a\nb\nc\r\n')
    yield 'body-all-lf', mail('Subject: lf\r\n').replace(b'\r\n', b'\n')
    yield 'body-cr-cr-lf', mail('', 'a\r\r\nb\r\r\n')
    yield 'body-ends-cr', mail('', 'a\r')
    yield 'body-header-cr', mail('Subject: a\rb\r\n')
    yield 'body-binary', typed('application/octet-stream',
                               bytes(range(1, 256)) * 4,
                               'Content-Transfer-Encoding: binary\r\n')
    yield 'body-from', mail('', 'From the start\r\n>From quoted\r\n')
    yield 'body-like-header', mail('', 'Subject: not a header\r\n\r\nx\r\n')
    yield 'body-tabs', mail('', '\t\t needle \t\r\n')
    yield 'body-64k', mail('', 'sixty-four bytes of text on each line of '
                           'this body, to fill it.\r\n' * 1000)
    yield 'body-needle-split', mail('', 'nee\r\ndle\r\n')
    yield 'body-needle-blank', mail('', 'two  blanks and\r\na line end\r\n')
    yield 'body-casemap', typed('text/plain; charset=utf-8',
                                'STRASSE straße ÄÖÜ äöü İI ſ\r\n',
                                'Content-Transfer-Encoding: 8bit\r\n')
    yield 'body-nfd', typed('text/plain; charset=utf-8',
                            'cafe\u0301 \ufb01n \u212b\r\n',
                            'Content-Transfer-Encoding: 8bit\r\n')
    for i, subject in enumerate((
            'topic', 'Re: topic', 're: Fwd: topic', '[list] topic',
            'Re: [list] topic', '[list] Re: topic', 'topic (fwd)',
            '[fwd: topic]', 'Re[2]: topic', 'RE : topic', 'Aw: topic',
            'Re:', 'Fwd:', '[list]', '(fwd)', '  topic  ', 'TOPIC',
            '=?utf-8?q?Re:_topic?=', 'topic topic', 'Re:  topic   two')):
        refs = '' if not i else (
            f'In-Reply-To: <t{i - 1}@x>\r\nReferences: ' +
            ' '.join(f'<t{k}@x>' for k in range(max(0, i - 3), i, 2)) +
            '\r\n')
        yield f'thread-{i:02}', mail(
            f'Subject: {subject}\r\nMessage-ID: <t{i}@x>\r\n{refs}',
            head=f'From: u{20 - i}@example.org\r\nTo: t{i % 3}@example.org'
            f'\r\nDate: {1 + i % 5} Mar 2012 0{i % 7}:00:00 +0000\r\n')


def messages():
    """Some five hundred (name, octets); the order is part of the corpus."""
    for group in (addresses, headers, types, fields, multiparts,
                  messages_inside, encodings, bodies):
        for name, text in group():
            yield name, octets(text)


if __name__ == '__main__':
    import sys
    for name, text in messages():
        sys.stdout.write(f'{name} {len(text)}\n')
