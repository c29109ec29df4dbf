/*
 * Facts as bytes: version, flags, envelope of the root (first, so that it
 * can be read alone), sizes, preview, parts. Numbers are little-endian
 * base-128 varints; a string is its length + 1 (0: NIL) and its octets. Of
 * the tree only `parent` is written; the other links follow from the order.
 */
#include "mime/facts.h"

#include <assert.h>

#include "base/limits.h"
#include "model/packed.h"
#include "base/banned.h"

#define FACTS_VERSION 1 /* 2 stands for model/packed.h */

enum { IS_MULTIPART = 1, IS_MESSAGE = 2, HAS_ENVELOPE = 4 };

static void
put_num(struct buf *out, uint64_t n)
{
	while (n >= 0x80) {
		buf_add_char(out, (char)(0x80 | (n & 0x7f)));
		n >>= 7;
	}
	buf_add_char(out, (char)n);
}

static void
put_str(struct buf *out, struct str s)
{
	put_num(out, s.p ? (uint64_t)s.len + 1 : 0);
	if (s.p)
		buf_add_str(out, s);
}

static void
put_addresses(struct buf *out, struct facts_addresses list)
{
	put_num(out, list.n);
	for (size_t i = 0; i < list.n; i++) {
		put_str(out, list.v[i].name);
		put_str(out, list.v[i].route);
		put_str(out, list.v[i].mailbox);
		put_str(out, list.v[i].host);
	}
}

static void
put_params(struct buf *out, struct facts_params list)
{
	put_num(out, list.n);
	for (size_t i = 0; i < list.n; i++) {
		put_str(out, list.v[i].name);
		put_str(out, list.v[i].value);
	}
}

static void
put_envelope(struct buf *out, const struct facts_envelope *e)
{
	put_str(out, e->date);
	put_str(out, e->subject);
	put_addresses(out, e->from);
	put_addresses(out, e->sender);
	put_addresses(out, e->reply_to);
	put_addresses(out, e->to);
	put_addresses(out, e->cc);
	put_addresses(out, e->bcc);
	put_str(out, e->in_reply_to);
	put_str(out, e->message_id);
	put_str(out, e->references);
}

static void
put_part(struct buf *out, const struct facts_part *part, bool is_root)
{
	bool with_envelope = part->envelope && !is_root;

	put_num(out, (part->is_multipart ? IS_MULTIPART : 0) |
		(part->is_message ? IS_MESSAGE : 0) |
		(with_envelope ? HAS_ENVELOPE : 0));
	if (!is_root)
		put_num(out, part->parent);
	put_num(out, part->header_offset);
	put_num(out, part->header_size);
	put_num(out, part->body_offset);
	put_num(out, part->body_size);
	put_num(out, part->lines);
	put_str(out, part->type);
	put_str(out, part->subtype);
	put_params(out, part->params);
	put_str(out, part->id);
	put_str(out, part->description);
	put_str(out, part->encoding);
	put_str(out, part->md5);
	put_str(out, part->disposition);
	put_params(out, part->disposition_params);
	put_str(out, part->language);
	put_str(out, part->location);
	if (with_envelope)
		put_envelope(out, part->envelope);
}

void
facts_encode(const struct facts *f, struct buf *out)
{
	static const struct facts_envelope none;
	size_t before;

	assert(f->n_parts >= 1);
	if (f->grams.p)
		packed_begin(out, f->grams);
	before = out->len;
	put_num(out, FACTS_VERSION);
	put_envelope(
	    out, f->parts->envelope ? f->parts->envelope : &none);
	put_num(out, f->is_cut);
	put_num(out, f->received);
	put_num(out, f->size);
	put_str(out, f->preview);
	put_num(out, f->n_parts);
	for (uint32_t i = 0; i < f->n_parts; i++)
		put_part(out, &f->parts[i], i == 0);
	assert(out->len - before <= LIMIT_MIME_FACTS);
}

/* Once is_bad, every get gives zeros. */
struct reader {
	struct arena *a;
	const char *p;
	const char *end;
	bool is_bad;
};

static uint64_t
get_num(struct reader *r)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char c;

		if (r->is_bad || r->p == r->end)
			break;
		c = (unsigned char)*r->p++;
		if (shift == 63 && c > 1)
			break;
		n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return n;
	}
	r->is_bad = true;
	return 0;
}

/* A count of things of at least `size` octets each. */
static size_t
get_count(struct reader *r, size_t size)
{
	uint64_t n = get_num(r);

	if (n > (size_t)(r->end - r->p) / size) {
		r->is_bad = true;
		return 0;
	}
	return (size_t)n;
}

static struct str
get_str(struct reader *r)
{
	uint64_t n = get_num(r);
	struct str s;

	if (n == 0)
		return STR_NONE;
	if (n - 1 > (uint64_t)(r->end - r->p)) {
		r->is_bad = true;
		return STR_NONE;
	}
	s = str_make(r->p, (size_t)n - 1);
	r->p += n - 1;
	return s;
}

static struct facts_addresses
get_addresses(struct reader *r)
{
	size_t n = get_count(r, 4);
	struct facts_address *v;

	if (!n)
		return (struct facts_addresses){ 0 };
	v = ARENA_ARRAY(r->a, n, struct facts_address);
	for (size_t i = 0; i < n; i++) {
		v[i].name = get_str(r);
		v[i].route = get_str(r);
		v[i].mailbox = get_str(r);
		v[i].host = get_str(r);
	}
	return (struct facts_addresses){ v, n };
}

static struct facts_params
get_params(struct reader *r)
{
	size_t n = get_count(r, 2);
	struct facts_param *v;

	if (!n)
		return (struct facts_params){ 0 };
	v = ARENA_ARRAY(r->a, n, struct facts_param);
	for (size_t i = 0; i < n; i++) {
		v[i].name = get_str(r);
		v[i].value = get_str(r);
	}
	return (struct facts_params){ v, n };
}

static void
get_envelope(struct reader *r, struct facts_envelope *e)
{
	e->date = get_str(r);
	e->subject = get_str(r);
	e->from = get_addresses(r);
	e->sender = get_addresses(r);
	e->reply_to = get_addresses(r);
	e->to = get_addresses(r);
	e->cc = get_addresses(r);
	e->bcc = get_addresses(r);
	e->in_reply_to = get_str(r);
	e->message_id = get_str(r);
	e->references = get_str(r);
}

static void
get_part(struct reader *r, struct facts_part *part, bool is_root)
{
	uint64_t flags = get_num(r);
	uint64_t parent = is_root ? FACTS_NO_PART : get_num(r);

	part->is_multipart = (flags & IS_MULTIPART) != 0;
	part->is_message = (flags & IS_MESSAGE) != 0;
	part->parent = parent > FACTS_NO_PART ? FACTS_NO_PART
					      : (uint32_t)parent;
	part->first_child = FACTS_NO_PART;
	part->next = FACTS_NO_PART;
	part->header_offset = get_num(r);
	part->header_size = get_num(r);
	part->body_offset = get_num(r);
	part->body_size = get_num(r);
	part->lines = get_num(r);
	part->type = get_str(r);
	part->subtype = get_str(r);
	part->params = get_params(r);
	part->id = get_str(r);
	part->description = get_str(r);
	part->encoding = get_str(r);
	part->md5 = get_str(r);
	part->disposition = get_str(r);
	part->disposition_params = get_params(r);
	part->language = get_str(r);
	part->location = get_str(r);
	if (flags & HAS_ENVELOPE) {
		struct facts_envelope *e =
		    ARENA_NEW(r->a, struct facts_envelope);

		get_envelope(r, e);
		part->envelope = e;
	}
}

static bool
is_inside(const struct facts_part *part, uint64_t size)
{
	return part->header_offset <= size &&
	    part->header_size <= size - part->header_offset &&
	    part->body_offset <= size &&
	    part->body_size <= size - part->body_offset;
}

/* Hangs part i under its parent; last: the last child of each part. */
static bool
link_part(struct facts_part *parts, uint32_t i, uint32_t *last)
{
	struct facts_part *parent;
	uint32_t above = parts[i].parent;

	last[i] = FACTS_NO_PART;
	if (i == 0)
		return true;
	if (above >= i)
		return false;
	parent = &parts[above];
	if (!parent->is_multipart && !parent->is_message)
		return false;
	if (last[above] == FACTS_NO_PART)
		parent->first_child = i;
	else if (parent->is_message)
		return false;
	else
		parts[last[above]].next = i;
	last[above] = i;
	return true;
}

static bool
get_parts(struct reader *r, struct facts *f,
    const struct facts_envelope *root_envelope)
{
	/* The root has no parent, hence one octet less than the others. */
	uint32_t n = (uint32_t)get_count(r, 17);
	struct facts_part *parts;
	uint32_t *last;

	if (r->is_bad || n == 0 || n > LIMIT_MIME_PARTS)
		return false;
	parts = ARENA_ARRAY(r->a, n, struct facts_part);
	last = ARENA_ARRAY(r->a, n, uint32_t);
	for (uint32_t i = 0; i < n && !r->is_bad; i++) {
		get_part(r, &parts[i], i == 0);
		if (r->is_bad || !is_inside(&parts[i], f->size) ||
		    !link_part(parts, i, last))
			return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (parts[i].is_message &&
		    (parts[i].first_child == FACTS_NO_PART ||
			!parts[parts[i].first_child].envelope))
			return false;
	}
	parts->envelope = root_envelope;
	f->parts = parts;
	f->n_parts = n;
	return !r->is_bad && r->p == r->end;
}

/* At the envelope. */
static struct reader
reader_make(struct arena *a, struct str bytes, struct str *ret_grams)
{
	struct reader r = { .a = a };

	packed_split(bytes, &bytes, ret_grams);
	r.p = r.end = bytes.p;
	if (bytes.len)
		r.end = bytes.p + bytes.len;
	if (bytes.len > LIMIT_MIME_FACTS || get_num(&r) != FACTS_VERSION)
		r.is_bad = true;
	return r;
}

bool
facts_decode(struct arena *a, struct str bytes, struct facts *ret_facts)
{
	struct facts f = { 0 };
	struct reader r = reader_make(a, bytes, &f.grams);
	struct facts_envelope *e = ARENA_NEW(a, struct facts_envelope);

	get_envelope(&r, e);
	f.is_cut = get_num(&r) != 0;
	f.received = (uint32_t)get_num(&r);
	f.size = get_num(&r);
	f.preview = get_str(&r);
	if (!get_parts(&r, &f, e))
		return false;
	*ret_facts = f;
	return true;
}

bool
facts_decode_envelope(
    struct arena *a, struct str bytes, struct facts_envelope *ret_envelope)
{
	struct str grams = STR_NONE;
	struct reader r = reader_make(a, bytes, &grams);
	struct facts_envelope e = { 0 };

	get_envelope(&r, &e);
	if (r.is_bad)
		return false;
	*ret_envelope = e;
	return true;
}

static const struct facts_part *
nth_child(const struct facts *f, const struct facts_part *part, uint32_t n)
{
	uint32_t i = part->first_child;

	while (i != FACTS_NO_PART && --n)
		i = f->parts[i].next;
	return i == FACTS_NO_PART ? NULL : &f->parts[i];
}

/* Part n of the message whose root is `root`. */
static const struct facts_part *
of_message(const struct facts *f, const struct facts_part *root, uint32_t n)
{
	if (root->is_multipart)
		return nth_child(f, root, n);
	return n == 1 ? root : NULL;
}

const struct facts_part *
facts_part_find(const struct facts *f, const uint32_t *numbers, size_t n)
{
	const struct facts_part *part = f->parts;

	for (size_t i = 0; i < n && part; i++) {
		if (numbers[i] == 0)
			return NULL;
		if (i == 0)
			part = of_message(f, part, numbers[i]);
		else if (part->is_multipart)
			part = nth_child(f, part, numbers[i]);
		else if (part->is_message)
			part = of_message(f,
			    &f->parts[part->first_child], numbers[i]);
		else
			part = NULL;
	}
	return part;
}
