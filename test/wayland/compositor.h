/* SPDX-License-Identifier: MIT */
/* Compositors as Debian ships them, without a screen: started, watched, stopped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define N_COMPOSITORS 11

/* Longer than any greeting (has_splash) takes. */
#define COMPOSITOR_SPLASH_MS 4000

struct compositor_kind {
	const char *name, *program;
	bool never_guarded;	/* it guards itself */
	bool refuses_disks;	/* pools in files on disks */
	bool is_unprivileged;	/* what root starts runs as nobody */
	bool has_fixed_size;	/* its output */
	bool needs_wiping;	/* see wipe_screen() */
	bool has_no_privileges; /* the same, but in a user namespace of its own if there can be one
				 */
	bool maps_itself;	/* has a wl_shm that is not libwayland's */
	bool allows_overlap;	/* of the rows of a buffer: looks at no stride */
	bool learns_from_unsealed; /* guards itself since the first buffer that may shrink */
	bool needs_onlooker;	   /* draws only while somebody takes pictures */
	bool has_splash;	   /* greets its first client, and fades that out */
	const char
		*host; /* NULL, or the kind that it is a window of: that one takes the pictures */
	uint32_t background;	   /* 0xffRRGGBB; 0: comes with the first frame, whatever it is */
	const char *const *before; /* NULL, or what starts the prefix: a bus of its session */
	const char *const *arguments;
};

extern const struct compositor_kind compositor_kinds[N_COMPOSITORS];
const struct compositor_kind *compositor_find(const char *name);

/* NULL, or why it cannot be started here. */
const char *compositor_why_not(const struct compositor_kind *kind);

struct launch {
	char *const *prefix;   /* NULL, or what the compositor is started with */
	const char *example;   /* path of our own, for the kind of that name */
	const char *directory; /* for logs */
	const char *preload;   /* NULL, or one more library */
	const char *mode;      /* UFFD_GUARD_WL_SHM_MODE; NULL: sealed */
	int width, height;     /* of the output, where it can be chosen */
};

struct compositor {
	const struct compositor_kind *kind;
	pid_t pid;	 /* of what was started: the prefix, or the compositor */
	pid_t server;	 /* of the compositor */
	pid_t onlooker;	 /* 0, or of a child that takes pictures all the time */
	uid_t uid;	 /* that its clients should have */
	bool may_search; /* all directories, as root may: that user could not reach the programs */
	int status;	 /* as waitpid() gives it, once it is over */
	bool is_over;
	char runtime[32]; /* XDG_RUNTIME_DIR */
	char log[512];
	char socket[96]; /* path */
	struct compositor *host;
};

/* Until clients can connect. 0, or a negative errno; the log says why. */
int compositor_start(struct compositor *compositor, const struct compositor_kind *kind,
	const struct launch *launch);
bool compositor_is_alive(struct compositor *compositor);
/* Whether it ends within this time: whose connection was cut may wait for a core to be dumped. */
bool compositor_wait_for_end(struct compositor *compositor, int ms);
/* As a word: "SIGBUS", "exit 1". */
const char *compositor_end(const struct compositor *compositor);
/* Also what is left of one that died. */
void compositor_stop(struct compositor *compositor);
void compositor_print_log(const struct compositor *compositor);

/* Makes this process, a child, one of the compositor's clients: environment and user. */
void compositor_become_client(const struct compositor *compositor);

/* A line of /proc/<server>/status, after the colon; NULL if there is none. */
const char *compositor_status_line(const struct compositor *compositor, const char *key);
