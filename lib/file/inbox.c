/* SPDX-License-Identifier: MIT */
/*
 * A stack, pushed to by any caller, and taken whole by the handler: so nobody waits for anybody.
 * When the handler ends it closes the inbox and refuses what is in it; a caller that pushes
 * meanwhile finds it closed, and does the same.
 */
#include "file/inbox.h"

#include "kernel/wake.h"

#include <stddef.h>

/* The handler is gone. */
/* model: blocking refuse */
static void refuse_requests(struct inbox *inbox)
{
	struct request *request = atomic_exchange(&inbox->latest, NULL), *next;
	for (; request; request = next) {
		next = request->next;
		request->refuse(request);
	}
}

/* model: blocking post */
void inbox_post(struct inbox *inbox, struct request *request)
{
	request->next = atomic_load(&inbox->latest);
	while (!atomic_compare_exchange_weak(&inbox->latest, &request->next, request))
		;
	if (atomic_load(&inbox->is_closed))
		refuse_requests(inbox);
	else
		wake_send(inbox->wake);
}

struct request *inbox_take(struct inbox *inbox)
{
	if (!atomic_load_explicit(&inbox->latest, memory_order_relaxed))
		return NULL;
	struct request *latest = atomic_exchange(&inbox->latest, NULL), *first = NULL;
	while (latest) {
		struct request *before = latest->next;
		latest->next = first;
		first = latest;
		latest = before;
	}
	return first;
}

/* model: blocking close_inbox, relief close_inbox */
void inbox_close(struct inbox *inbox)
{
	atomic_store(&inbox->is_closed, true);
	refuse_requests(inbox);
}
