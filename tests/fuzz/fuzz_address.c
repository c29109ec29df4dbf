/*
 * Address lists of header fields: groups open and close in turn, mailboxes
 * have both parts, and nothing is longer than the value.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "mime/address.h"
#include "base/banned.h"

struct seen {
	bool in_group;
	size_t n;
	size_t stop_at;
	struct str value;
};

/* The words for what is missing are longer than a broken address. */
static void
check_length(const struct seen *s, struct str part)
{
	CHECK(part.len <= s->value.len + sizeof("MISSING_MAILBOX"));
}

static bool
see(void *ctx, const struct facts_address *x)
{
	struct seen *s = ctx;

	CHECK(s->n < s->stop_at);
	check_length(s, x->name);
	check_length(s, x->route);
	check_length(s, x->mailbox);
	check_length(s, x->host);
	if (!x->host.p && x->mailbox.p) {
		CHECK(!s->in_group);
		s->in_group = true;
	} else if (!x->host.p) {
		CHECK(s->in_group && !x->name.p && !x->route.p);
		s->in_group = false;
	} else {
		CHECK(x->mailbox.p != NULL);
	}
	return ++s->n < s->stop_at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);
	size_t stop_at = fuzz_octet(&s) % 8 + 1;
	struct seen all = { .stop_at = SIZE_MAX, .value = s };
	struct seen some = { .stop_at = stop_at, .value = s };
	struct address_sink sink = { see, &all };
	struct facts_addresses list;

	address_list_parse(a, s, &sink);
	CHECK(!all.in_group);
	sink.ctx = &some;
	address_list_parse(a, s, &sink);
	CHECK(some.n == (all.n < stop_at ? all.n : stop_at));
	list = address_list_collect(a, s);
	CHECK(list.n ==
	    (all.n < LIMIT_MIME_ADDRESSES ? all.n : LIMIT_MIME_ADDRESSES));
	arena_free(a);
	return 0;
}
