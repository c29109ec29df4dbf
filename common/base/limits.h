/*
 * Every limit on input that is not configuration, in one place. The RFC or
 * the reason stands beside each. Tests stand at the borders (test_limits.c,
 * test_limits.py); tools/layers looks that each is used and is in a test.
 */
#ifndef M3_BASE_LIMITS_H
#define M3_BASE_LIMITS_H

/* SMTP (RFC 5321 4.5.3.1). */
#define LIMIT_SMTP_LINE          2048   /* octets with CRLF; 512 + extensions */
#define LIMIT_SMTP_LINE_DISCARD  65536  /* then 500 and close */
#define LIMIT_SMTP_AUTH_LINE     12288  /* RFC 4954 4 */
#define LIMIT_SMTP_REPLY_LINE    2048   /* of a remote server, kept octets */
#define LIMIT_SMTP_REPLY_LINES   256    /* of one multi-line reply */
#define LIMIT_SMTP_DOMAIN        255
#define LIMIT_SMTP_PATH          256    /* with brackets; a local part too */
#define LIMIT_SMTP_ENVID         100    /* RFC 3461 4.4 */
#define LIMIT_SMTP_ORCPT         500    /* RFC 3461 4.2 */
#define LIMIT_SMTP_MEMORY        (6 << 20) /* of a session, as LIMIT_IMAP_MEMORY */
#define LIMIT_SMTP_TRANSACTION   (768 << 10) /* octets of the recipients */

/* IMAP. */
#define LIMIT_IMAP_LINE          65536  /* octets of a command: lines, literals */
#define LIMIT_IMAP_LINE_PREAUTH  36864  /* ID may have 30 x 1,054 octets */
#define LIMIT_IMAP_LITERALS      64     /* in one command */
#define LIMIT_IMAP_COMMAND       (16 << 20) /* octets of what it parses to */
#define LIMIT_IMAP_COMMAND_PREAUTH (512 << 10)
/*
 * What one session may hold by base/mem.h; the libraries' memory, half a MiB
 * to one and a reply of the database (16 MiB at most) at a time, comes to it.
 */
#define LIMIT_IMAP_MEMORY        (60 << 20)
#define LIMIT_IMAP_MEMORY_PREAUTH (1 << 20)
#define LIMIT_IMAP_NESTING       20     /* parentheses */
#define LIMIT_IMAP_ARGS          20000  /* nodes of one command */
#define LIMIT_IMAP_BAD_PREAUTH   10     /* BAD replies, then BYE */
#define LIMIT_IMAP_BAD_FIRST     3      /* and nothing else: HTTP, SMTP */
#define LIMIT_IMAP_BAD           50
#define LIMIT_IMAP_TAG           256
#define LIMIT_IMAP_BATCH_MIN     500    /* UIDBATCHES: messages of a batch */
#define LIMIT_IMAP_BATCH_SPAN    100000 /* ... of all batches of a range */
#define LIMIT_IMAP_BATCHES       100    /* ... commands while nothing changes */
#define LIMIT_IMAP_GIVEN_UP      (INT64_C(1) << 30) /* octets an hour of APPENDs that failed */
#define LIMIT_IMAP_MESSAGES      1000   /* of one APPEND */
#define LIMIT_IMAP_PARTS         1000   /* of its CATENATEs */
#define LIMIT_IMAP_SEARCH_HEADER (1 << 20) /* octets of a header looked into */
#define LIMIT_IMAP_ID_PAIRS      30     /* RFC 2971 3.3 */
#define LIMIT_CONFIG_DOCUMENT    16384  /* octets of a document of `config`: each
                                       * session reads two */
#define LIMIT_TURNS              16     /* waiting sessions of a host that look at
                                       * the database at a time */
#define LIMIT_DOORBELL_OWNERS    32     /* whose folders a session watches */
#define LIMIT_NOTIFY_GROUPS      64     /* event groups of one NOTIFY */
#define LIMIT_NOTIFY_NAMES       1000   /* mailboxes that they name */

/* The store. */
#define LIMIT_FOLDER_NAME        1000   /* octets of UTF-8 */
#define LIMIT_FOLDER_DEPTH       32
#define LIMIT_FOLDERS            10000  /* of one owner */
#define LIMIT_KEYWORDS           57     /* of one folder: bits 5 to 61 */
#define LIMIT_KEYWORD            64     /* octets */
#define LIMIT_ANNOTATION         32768  /* octets of a value (RFC 5464) */
#define LIMIT_ANNOTATION_NAME    255
#define LIMIT_ANNOTATIONS        128    /* of one folder */
#define LIMIT_ANNOTATIONS_OWNER  2048   /* of all folders of an owner */
#define LIMIT_ACL                100    /* entries of one folder */
#define LIMIT_SHARES             10000  /* folders that name one identifier */
#define LIMIT_TAIL               64     /* entries, then they go to a page */
#define LIMIT_PAGE               256    /* entries of a page */
#define LIMIT_BLOB_CHUNK         (1 << 20)

/* MIME. */
#define LIMIT_MIME_DEPTH         100
#define LIMIT_MIME_PARTS         1000
#define LIMIT_MIME_BOUNDARY      998    /* RFC 2046 says 70, mail does not */
#define LIMIT_MIME_PARAMS        64     /* of one header field */
#define LIMIT_HEADER_NAME        998    /* of a field: a line (RFC 5322) */
#define LIMIT_MIME_FIELD         65536  /* octets of a field that is parsed */
#define LIMIT_MIME_ADDRESSES     10000  /* of one envelope, kept */
#define LIMIT_PREVIEW            (1 << 20) /* octets of a part looked at */
#define LIMIT_MIME_FACTS         262144 /* octets of encoded facts */
#define LIMIT_GRAMS              8192   /* octets of an index; 2^n */
#define LIMIT_INDEXED            262144 /* octets of a message with one */

/* Mail. */
#define LIMIT_ALIAS_DEPTH        10
#define LIMIT_ALIAS_FANOUT       10000
#define LIMIT_QUEUE_BODY         65536  /* octets kept in the queue document */
#define LIMIT_REPORT_HEADER      65536  /* octets that a report gives back */
#define LIMIT_QUEUE_DOCUMENT     (8 << 20) /* octets when it is made or made
					    * longer; mongod takes 16 MiB */
#define LIMIT_QUEUE_TEXTS        (4 << 20) /* ... of all answers and dialogs */
#define LIMIT_TRANSCRIPT         4096   /* octets kept of one session */

#endif
