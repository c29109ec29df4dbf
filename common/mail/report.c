/* Delivery status notifications; see report.h. */
#include "mail/report.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/limits.h"
#include "db/blob.h"
#include "mail/accept.h"
#include "mime/facts.h"
#include "smtp/params.h"
#include "text/date.h"
#include "text/utf8.h"

#include "base/banned.h"

enum {
	FULL_MAX = 1 << 20, /* a bigger message is returned as its header */
	FOLD_AT = 800,      /* octets of a line (RFC 5322 2.1.1: 998) */
	FOLD_MAX = 900,
};

/* `origin` of the report's queue document. */
static const char *const origins[REPORT_ACTIONS] = {
	[REPORT_FAILED] = "bounce",
	[REPORT_DELAYED] = "notice",
	[REPORT_DELIVERED] = "success",
	[REPORT_RELAYED] = "success",
	[REPORT_EXPANDED] = "success",
};

static const char report_double[] = "double";

bool
report_is_one(const struct queue_item *item)
{
	size_t i;

	for (i = 0; i < REPORT_ACTIONS; i++) {
		if (str_equals(item->origin, str_from_cstr(origins[i])))
			return true;
	}
	return false;
}

bool
report_is_wanted(const struct queue_item *item,
    const struct queue_recipient *r, enum report_action action)
{
	static const uint32_t bits[] = {
		[REPORT_FAILED] = NOTIFY_FAILURE,
		[REPORT_DELAYED] = NOTIFY_DELAY,
		[REPORT_DELIVERED] = NOTIFY_SUCCESS,
		[REPORT_RELAYED] = NOTIFY_SUCCESS,
		[REPORT_EXPANDED] = NOTIFY_SUCCESS,
	};
	uint32_t notify =
	    r->notify ? r->notify : NOTIFY_FAILURE | NOTIFY_DELAY;

	return item->sender.len && (notify & bits[action]) != 0;
}

/* --- the parts ------------------------------------------------------------------------ */

/* What the parts are written with, and from. */
struct form {
	const struct report *r;
	struct buf b;
	struct buf original;  /* the message, or the header, as it goes back */
	bool is_whole;        /* the message */
	/* RFC 6533: the sender's system knows UTF-8, and there is some. */
	bool is_global;
	bool is_8bit_text;    /* the text for people */
	bool is_8bit;         /* any part */
};

/*
 * Octets that came from elsewhere: no controls, valid UTF-8 where that may
 * be, else ASCII; in lines that mail can have.
 */
static void
add_clean_as(struct buf *b, struct str s, bool is_utf8, const char *fold)
{
	size_t n, column = 0;

	for (; s.len; s = str_tail(s, n)) {
		n = utf8_char_length(s);
		if (n == 0)
			n = 1;
		if (column > FOLD_AT && (s.p[0] == ' ' || column > FOLD_MAX)) {
			buf_add_cstr(b, fold);
			column = 0;
		}
		column += n;
		if (ascii_is_cntl(s.p[0]))
			buf_add_char(b, ' ');
		else if (!ascii_is_8bit(s.p[0]) ||
		    (is_utf8 && utf8_char_length(s)))
			buf_add_str(b, str_slice(s, 0, n));
		else
			buf_add_char(b, '?');
	}
}

static void
add_clean(struct form *f, struct str s)
{
	add_clean_as(&f->b, s, f->is_global, "\r\n\t");
}

static void
add_field(struct form *f, const char *name, struct str value)
{
	if (str_is_empty(value))
		return;
	buf_add_cstr(&f->b, name);
	add_clean(f, value);
	buf_add_cstr(&f->b, "\r\n");
}

static void
add_date(struct buf *b, const char *name, int64_t ms)
{
	buf_add_cstr(b, name);
	date_print_rfc5322(b, ms / 1000, 0);
	buf_add_cstr(b, "\r\n");
}

static const struct report_wording *
wording_of(const struct report *r)
{
	return &r->texts->v[r->v[0].action];
}

/* The id's digits lie in text. */
static struct report_values
values_of(const struct report *r, char text[OID_HEX])
{
	return (struct report_values){ r->hostname,
		oid_format(&r->item->id, text), r->item->sender };
}

static void
add_header(struct form *f, struct str boundary, const struct queue_item *report)
{
	const struct report *r = f->r;
	char id[OID_HEX], text[OID_HEX];
	struct report_values values = values_of(r, id);
	struct buf *b = &f->b;

	buf_printf(b, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n",
	    STR_ARG(r->hostname));
	buf_add_cstr(b, "To: <");
	add_clean(f, report->recipients[0].address);
	buf_add_cstr(b, ">\r\n");
	buf_add_cstr(b, "Subject: ");
	report_text_add(b, wording_of(r)->subject, &values);
	buf_add_cstr(b, "\r\n");
	add_date(b, "Date: ", r->now_ms);
	buf_printf(b, "Message-ID: <%.*s@%.*s>\r\n",
	    STR_ARG(oid_format(&report->id, text)), STR_ARG(r->hostname));
	buf_printf(b,
	    "MIME-Version: 1.0\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "Content-Type: multipart/report; report-type=%sdelivery-status;\r\n"
	    "\tboundary=\"%.*s\"\r\n%s\r\n"
	    "This is a delivery report (RFC 3464).\r\n",
	    f->is_global ? "global-" : "", STR_ARG(boundary),
	    f->is_8bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static void
add_part(struct form *f, struct str boundary, const char *type, bool is_8bit)
{
	buf_printf(&f->b, "\r\n--%.*s\r\nContent-Type: %s\r\n%s\r\n",
	    STR_ARG(boundary), type,
	    is_8bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

/* For people: UTF-8, whatever the fields for programs may have. */
static void
add_text(struct form *f)
{
	char text[OID_HEX];
	struct report_values values = values_of(f->r, text);
	struct buf *b = &f->b;
	size_t i;

	report_text_add(b, wording_of(f->r)->text, &values);
	for (i = 0; i < f->r->n; i++) {
		const struct queue_recipient *q = f->r->v[i].recipient;

		buf_add_cstr(b, "\r\n<");
		add_clean_as(b, q->address, true, "\r\n ");
		buf_add_cstr(b, ">: ");
		add_clean_as(b, q->text, true, "\r\n ");
		buf_add_cstr(b, "\r\n");
	}
	buf_printf(b, "\r\nQueue id: %.*s\r\n",
	    STR_ARG(oid_format(&f->r->item->id, text)));
}

/* RFC 6533 3: "utf-8" is the type of an address that is not ASCII. */
static const char *
type_of(const struct form *f, struct str address)
{
	return f->is_global && !str_is_ascii(address) ? "utf-8" : "rfc822";
}

/* ORCPT is "type;xtext"; the field wants the decoded address. */
static void
add_original(struct form *f, struct arena *a, struct str orcpt)
{
	size_t at = str_find_char(orcpt, ';');

	if (orcpt.len == 0)
		return;
	buf_add_cstr(&f->b, "Original-Recipient: ");
	add_clean(f, str_slice(orcpt, 0, at));
	buf_add_cstr(&f->b, "; ");
	add_clean(f, xtext_decode(a, str_tail(orcpt, at + 1)));
	buf_add_cstr(&f->b, "\r\n");
}

/*
 * What was said, as it was said: an enhanced code that only we made of the
 * code is left out, and one whose class we changed has its own again.
 */
struct str
report_said(struct arena *a, const struct queue_recipient *r)
{
	static const struct str made_up = STR_INIT(".0.0");
	bool is_ours = r->host.len == 0 || str_has_char(r->host, '@');
	struct str detail = str_tail(r->status, 1);

	if (r->code == 0 || r->status.len == 0 ||
	    (!is_ours && str_equals(detail, made_up)))
		return r->code
		    ? arena_printf(a, "%u %.*s", r->code, STR_ARG(r->text))
		    : r->text;
	return arena_printf(a, "%u %u%.*s %.*s", r->code, r->code / 100,
	    STR_ARG(detail), STR_ARG(r->text));
}

static void
add_diagnostic(struct form *f, struct arena *a, const struct queue_recipient *r)
{
	struct str last = STR(REPORT_GAVE_UP);

	if (r->code == 0)
		return;
	add_field(f, "Diagnostic-Code: smtp; ",
	    str_starts_with(r->text, last) ? str_tail(r->text, last.len)
					   : report_said(a, r));
}

static void
add_recipient(
    struct form *f, struct arena *a, const struct report_recipient *x)
{
	const struct queue_recipient *q = x->recipient;
	struct buf *b = &f->b;

	buf_add_cstr(b, "\r\n");
	add_original(f, a, q->orcpt);
	buf_printf(b, "Final-Recipient: %s; ", type_of(f, q->address));
	add_clean(f, q->address);
	buf_printf(b, "\r\nAction: %s\r\n", report_actions[x->action]);
	add_field(f, "Status: ", q->status.len ? q->status : STR("5.0.0"));
	if (!str_has_char(q->host, '@'))
		add_field(f, "Remote-MTA: dns; ", q->host);
	add_diagnostic(f, a, q);
	if (q->last_ms)
		add_date(b, "Last-Attempt-Date: ", q->last_ms);
	if (x->action == REPORT_DELAYED)
		add_date(b, "Will-Retry-Until: ", f->r->item->expires_ms);
}

static void
add_status(struct form *f, struct arena *a)
{
	const struct report *r = f->r;
	size_t i;

	buf_printf(&f->b, "Reporting-MTA: dns; %.*s\r\n",
	    STR_ARG(r->hostname));
	if (r->item->envid.len)
		add_field(f, "Original-Envelope-Id: ",
		    xtext_decode(a, r->item->envid));
	add_date(&f->b, "Arrival-Date: ", r->item->created_ms);
	for (i = 0; i < r->n; i++)
		add_recipient(f, a, &r->v[i]);
}

/* --- the message it is about ------------------------------------------------------------- */

static bool
copy_piece(void *ctx, struct str piece)
{
	buf_add_str(ctx, piece);
	return true;
}

static uint64_t
header_size(struct arena *a, const struct queue_item *item)
{
	struct facts f;

	if (!facts_decode(a, item->facts, &f) || f.n_parts == 0)
		return 0;
	return f.parts[0].header_size;
}

/*
 * Only a failure returns the whole message, when it was asked by who logged
 * in to send it: else whoever writes a sender's address into the envelope
 * could have us bring him what he likes.
 */
static bool
returns_all(const struct report *r)
{
	return r->v[0].action == REPORT_FAILED && r->item->ret == RET_FULL &&
	    r->item->login.len && r->item->size <= FULL_MAX;
}

/* A header that is too long ends with a whole line. */
static void
cut_header(struct buf *b, uint64_t len)
{
	size_t at = b->len;

	if (len <= LIMIT_REPORT_HEADER)
		return;
	while (at && b->p[at - 1] != '\n')
		at--;
	buf_truncate(b, at);
}

static enum rc
read_original(
    struct db *db, struct arena *a, struct form *f, struct err *err)
{
	const struct queue_item *item = f->r->item;
	uint64_t len;
	enum rc rc;

	f->is_whole = returns_all(f->r);
	len = f->is_whole ? item->size : header_size(a, item);
	if (len == 0)
		return RC_OK;
	rc = blob_read(db, &item->blob, 0,
	    f->is_whole || len < LIMIT_REPORT_HEADER ? len
						     : LIMIT_REPORT_HEADER,
	    copy_piece, &f->original, err);
	if (rc == RC_OK && !f->is_whole)
		cut_header(&f->original, len);
	return rc;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool
has_utf8_address(const struct report *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (!str_is_ascii(r->v[i].recipient->address))
			return true;
	}
	return !str_is_ascii(r->to.len ? r->to : r->item->sender);
}

static const char *
original_type(const struct form *f)
{
	bool is_8bit = !str_is_ascii(buf_str(&f->original));

	if (f->is_global && is_8bit)
		return f->is_whole ? "message/global"
				   : "message/global-headers";
	return f->is_whole ? "message/rfc822" : "text/rfc822-headers";
}

/* The parts before the original; the header needs to know all of them. */
static void
add_parts(struct form *f, struct arena *a, struct str boundary,
    const struct queue_item *report)
{
	bool is_8bit_original = !str_is_ascii(buf_str(&f->original));
	struct str text, status;

	add_text(f);
	text = arena_dup_str(a, buf_str(&f->b));
	buf_reset(&f->b);
	add_status(f, a);
	status = arena_dup_str(a, buf_str(&f->b));
	buf_reset(&f->b);
	f->is_8bit_text = !str_is_ascii(text);
	f->is_8bit = f->is_8bit_text || is_8bit_original ||
	    !str_is_ascii(status);
	add_header(f, boundary, report);
	add_part(f, boundary, "text/plain; charset=utf-8", f->is_8bit_text);
	buf_add_str(&f->b, text);
	add_part(f, boundary,
	    f->is_global ? "message/global-delivery-status"
			 : "message/delivery-status",
	    !str_is_ascii(status));
	buf_add_str(&f->b, status);
	add_part(f, boundary, original_type(f), is_8bit_original);
}

static enum rc
write_parts(struct db *db, struct arena *a, struct form *f,
    const struct queue_item *report, struct acceptance *acc, struct err *err)
{
	char text[OID_HEX];
	struct str boundary = arena_printf(
	    a, "=_m3mta_%.*s", STR_ARG(oid_format(&report->id, text)));
	enum rc rc = read_original(db, a, f, err);

	if (rc != RC_OK)
		return rc;
	f->is_global = f->r->item->smtputf8 &&
	    (has_utf8_address(f->r) || !str_is_ascii(str_slice(
		buf_str(&f->original), 0, header_size(a, f->r->item))));
	add_parts(f, a, boundary, report);
	rc = acceptance_push(acc, buf_str(&f->b), err);
	if (rc == RC_OK)
		rc = acceptance_push(acc, buf_str(&f->original), err);
	buf_reset(&f->b);
	buf_printf(&f->b, "\r\n--%.*s--\r\n", STR_ARG(boundary));
	if (rc == RC_OK)
		rc = acceptance_push(acc, buf_str(&f->b), err);
	return rc;
}

static void
fill_item(struct arena *a, const struct report *r, struct queue_item *item)
{
	struct queue_recipient *to = ARENA_NEW(a, struct queue_recipient);

	to->address = r->to.len ? r->to : r->item->sender;
	to->state = RECIPIENT_PENDING;
	to->notify = NOTIFY_NEVER;
	*item = (struct queue_item){
		.id = oid_derive(&r->item->id, r->step),
		.sender = STR(""),
		.recipients = to,
		.n_recipients = 1,
		.created_ms = r->now_ms,
		.expires_ms = r->now_ms + r->expire_ms,
		.origin = str_from_cstr(
		    r->to.len ? report_double : origins[r->v[0].action]),
		.session = r->item->session,
	};
	item->bucket = item->id.b[OID_SIZE - 1] % QUEUE_BUCKETS;
}

enum rc
report_make(struct db *db, struct arena *a, const struct report *r,
    struct queue_item *ret_item, struct err *err)
{
	struct form f = { .r = r, .b = BUF_INIT, .original = BUF_INIT };
	struct acceptance *acc;
	const struct facts *facts;
	struct queue_item item;
	enum rc rc;

	fill_item(a, r, &item);
	rc = acceptance_new(db, a, STR(""), false, &acc, err);
	if (rc != RC_OK)
		return rc;
	acceptance_keep_small(acc, LIMIT_QUEUE_BODY);
	rc = write_parts(db, a, &f, &item, acc, err);
	if (rc == RC_OK)
		rc = acceptance_finish(acc, &item.blob, &item.size,
		    &item.facts, &facts, err);
	item.body = acceptance_body(acc);
	acceptance_free(acc);
	buf_done(&f.b);
	buf_done(&f.original);
	item.body_8bit = f.is_8bit;
	item.smtputf8 = f.is_global;
	if (rc == RC_OK)
		*ret_item = item;
	return rc;
}
