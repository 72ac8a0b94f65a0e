/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - the nouns that a report prints.  No functions, no Go, no BPF, no processes.
 *
 * Strings belong to whoever filled the struct and live at least as long as it.  Times are seconds
 * or _ns as named, sizes bytes.  Where a number may be unknown its field says which value means so.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNKNOWN_U64 UINT64_MAX	/* a count or a size that is not known: null in JSON, ? in text */

struct frame {
	const char *function;	/* as Go prints it; NULL: unknown */
	const char *profiled;	/* as Go's own profiles name it, where that is not the same: NULL */
	const char *file;	/* full path as in the binary; NULL: unknown */
	uint32_t line;		/* 0: unknown */
	bool inlined;		/* into the next frame of the stack */
	uint64_t pc;		/* vaddr of an instruction of the call: return address minus one */
};

/* A number that is not exact, with its 95 % interval. */
struct estimate {
	double value, low, high;	/* NAN: not known */
	uint64_t samples;	/* behind it */
};

/* In rising order of alarm. */
enum verdict {
	VERDICT_TOO_FEW,	/* samples, or collections, to say anything */
	VERDICT_CHURN,		/* what is born dies */
	VERDICT_STEADY,
	VERDICT_PLATEAU,	/* grew, and does not any more */
	VERDICT_GROWING,	/* and something is missing to call it a leak */
	VERDICT_LEAK,
};

/* What a growing one lacks to be called a leak. */
enum missing {
	MISSING_CYCLES = 1,	/* too few collections (looks, of goroutines) */
	MISSING_TIME = 2,	/* watched for too short a time */
	MISSING_GOES_ON = 4,	/* the last part grows less than half as fast as the one before */
	MISSING_OLD_STAY = 8,	/* old ones die, or none are old yet */
	MISSING_CENSUS = 16,	/* the census of its size class cannot tell growth from sway */
	MISSING_SIZES = 32,	/* a container that has not doubled often enough */
	MISSING_LOAD = 64,	/* as much more is allocated a second: load rises */
	MISSING_MANY = 128,	/* of what may wait for a while rightly, there are not many yet */
	MISSING_SHARE = 256,	/* of a class by itself: it has not grown by much of the heap yet */
	MISSING_RATE = 512,	/* the interval of its rate has 0 in it */
	MISSING_SHRINKS = 1024,	/* of a class by itself: others shrink by as much */
};

/* What is thought of one growing or not growing thing, and why. */
struct judgement {
	enum verdict verdict;
	unsigned missing;	/* enum missing, where it is growing */
	double watch_s;		/* growing, too few: about so much longer it takes to know; NAN */
	bool replacing;		/* steady: takes the place of what is older than the attach */
	bool certain;		/* they wait for what cannot come: a leak if more of them do */
	struct estimate rate;	/* growth a second over the later parts of the time (trend.h) */
	double lifetime_s;	/* mean lifetime at least (95 %) of those that became old; NAN */
	double over_s;		/* that growth was told over, up to the last look */
};

/* What a process does with its memory. */
enum behaviour {
	BEHAVIOUR_UNKNOWN,	/* too early to tell */
	BEHAVIOUR_STEADY,
	BEHAVIOUR_FOLLOWS_LOAD,	/* its heap comes and goes with what is allocated a second */
	BEHAVIOUR_PLATEAU,	/* it grew, and does not any more */
	BEHAVIOUR_WARM_UP,	/* it grows ever more slowly */
	BEHAVIOUR_GROWS,	/* and nobody knows yet whether that ends */
	BEHAVIOUR_LEAKS,
};

/* What resident memory is made of. */
enum memory_part {
	MEMORY_LIVE,		/* objects that the last collection found alive */
	MEMORY_GARBAGE,		/* allocated since: waits for the next collection */
	MEMORY_FREE,		/* free slots between objects */
	MEMORY_IDLE,		/* spans without objects, not returned to the system */
	MEMORY_STACKS,		/* of goroutines */
	MEMORY_RUNTIME,		/* the runtime's own */
	MEMORY_NOT_GO,		/* cgo, mappings, code */
	N_MEMORY_PARTS,
	MEMORY_HEAP = N_MEMORY_PARTS,	/* as a cause: the first four of them, whose sum is known
					 * better than each: collections move bytes between them */
};

/* What of MEMORY_NOT_GO grows. */
enum outside {
	OUTSIDE_UNKNOWN,	/* no kind has most of it */
	OUTSIDE_ANONYMOUS,	/* what C allocates, mappings of no file */
	OUTSIDE_FILES,		/* files that are mapped, memory shared with others */
	N_OUTSIDE,
};

/* What memory a process may come to. */
struct memory_room {
	const char *of;		/* "cgroup" or "machine"; NULL: not known */
	uint64_t limit, used;	/* bytes; used by all that it holds for */
};

/* One line on the whole process. */
struct diagnosis {
	bool known;		/* false: memory was not looked at for it */
	enum behaviour does;
	enum memory_part cause;	/* of rss: of its growth if rss_grows, else of what is not live;
				 * MEMORY_LIVE: nothing else worth a word */
	enum outside outside;	/* where rss grows by MEMORY_NOT_GO */
	bool rss_grows;
	bool no_collection;	/* there was none while the cause grew */
	uint64_t cause_bytes;	/* as last read; of the kind outside alone where that is known */
	struct estimate cause_rate, rss_rate;	/* bytes a second; NAN: too early; of a cause as
						 * well: there is none */
	struct estimate left_s;	/* until rss comes to the limit; NAN: it does not, or no limit */
	uint64_t parts[N_MEMORY_PARTS];	/* of rss, bytes, as last read */
};

/*
 * Leaf first.  A run of inlined frames and the first one after it that is not share their pc.  The
 * frames belong to whoever filled this in and are shared between stacks.
 */
struct frames {
	const struct frame *const *v;
	size_t n;
	bool cut;		/* more frames on the root side than could be read */
};

/*
 * What one site allocates, split by type and size of object.  Numbers of objects and bytes of a
 * heap are whole where every allocation is recorded and followed, else estimates; those without an
 * interval add up what each sample stands for.
 */
struct site_part {
	const char *type;	/* "main.Session", "[]uint8"; "?" where it cannot be known */
	const char *how;	/* "make", "append", "new" ... or NULL */
	uint64_t size;		/* heap bytes of one object, size class included; 0: the objects
				 * lie in 16-byte blocks that other (tiny) objects opened */
	struct estimate live;	/* objects found alive by the last collection that saw them; low
				 * is without those that are shared, or doubtful as far as such
				 * objects die */
	double young;		/* objects allocated since: no collection has seen them yet */
	double shared;		/* of live: tiny, their block has other tracked objects, or may */
	double doubtful;	/* of live: another object, of which no record was made, may have
				 * taken their place */
	double allocs;		/* objects, since the attach */
};

/*
 * What one stack had allocated before the attach and still lives, by the program's own memory
 * profile: not seen by the trace, and no part of what that counts.
 */
struct older_site {
	uint64_t id;		/* as of a heap site */
	struct frames stack;
	bool traced;		/* there is a heap site of this id */
	struct estimate objects, bytes;
};

/* One allocating stack. */
struct heap_site {
	uint64_t id;		/* hash of the frames' names and lines, the same in all reports;
				 * 0: not known */
	struct frames stack;	/* runtime frames at the leaf end folded away */
	struct site_part *parts;
	size_t n_parts;
	struct estimate live, live_bytes;	/* sums over parts, down to doubtful */
	double young, young_bytes;
	double shared, doubtful;
	double allocs, alloc_bytes;	/* those sums, and what was allocated by parts that held
					 * nothing and made room for others */
	double growth_bytes;	/* live_bytes minus live_bytes after the first collection since the
				 * attach */
	struct estimate rate;	/* live bytes grown a second over the last rate_span_s; NAN: too
				 * early to tell */
	double rate_span_s;
	double oldest_s;	/* age of the oldest live object, -1: none */
	const struct older_site *older;	/* of the same id; NULL: none is known */
	struct judgement is;	/* where findings are judged */
	size_t finding;		/* index; NO_INDEX: of none */
	bool suppressed;	/* --suppress: known and accepted */
	bool slow;		/* grows by less than the filter lets pass */
};

/* Goroutines of one creation site that wait at the same place in the same state. */
struct goroutine_place {
	const char *state;	/* Go's own words: "chan receive", "running", "syscall" ... */
	struct frames stack;	/* n = 0: not readable (running) */
	uint64_t live;
	double longest_wait_s;	/* -1: unknown */
};

/* One place that starts goroutines. */
struct goroutine_site {
	uint64_t id;		/* as of a heap site */
	struct frames stack;	/* creation, leaf = the function with the go statement */
	bool before_attach;	/* only that one frame is known */
	bool start_unseen;	/* nor is more known of these, though they are younger */
	uint64_t live, started, ended;	/* started, ended: since the attach; UNKNOWN_U64 where not
					 * every start was seen: */
	uint64_t stack_bytes;	/* of the live ones' stacks, in use or not; UNKNOWN_U64 */
	uint64_t samples;	/* of live, those that were seen to start, behind stack; what they
				 * do not have in common is not in it */
	double rate_per_s;	/* net growth over the last rate_span_s; NAN: too early to tell */
	double rate_span_s;
	double oldest_s;	/* since the attach at least, -1: unknown or none */
	struct goroutine_place *places;	/* most goroutines first */
	size_t n_places;
	uint64_t gopc;		/* of its goroutines, as the runtime has it; UNKNOWN_U64: none */
	struct judgement is;	/* of all that this go statement has started; rate in goroutines */
	size_t finding;		/* index; NO_INDEX: of none */
	bool suppressed, slow;	/* as of a heap site */
};

/* Sums over sites. */
struct heap_sum {
	uint64_t sites, live_sites;
	double live, live_bytes;
	double young, young_bytes;
	double allocs, alloc_bytes;
};

struct goroutine_sum {
	uint64_t sites;
	uint64_t live, started, ended;
};

/* What decides when the next collection begins. */
struct gc_pacing {
	bool known;
	int gc_percent;		/* GOGC; -1: off */
	uint64_t memory_limit;	/* GOMEMLIMIT; UNKNOWN_U64: there is none */
	uint64_t heap_live, trigger;	/* bytes; a collection begins when one is the other, or
					 * trigger UNKNOWN_U64: at no size */
	double since_s;		/* the last one ended; NAN: there was none */
	double next_s, every_s;	/* until the next one, and from each to the next, about, as memory is
				 * allocated now; NAN: not known, or none comes */
};

/* What of a report is shown, by options; all 0 and not set: everything. */
struct filter {
	bool set;
	uint64_t min_object, max_object;	/* bytes of an object; max 0: none */
	uint64_t older_ns, older_cycles;	/* age of an object; one of them, or neither */
	double min_rate;			/* bytes a second that a site must grow by */
	double min_goroutine_rate;		/* goroutines a second, likewise */
};

/* And what is not, in numbers. */
struct filtered {
	struct heap_sum heap;	/* objects of the wrong size or age, and the sites of nothing else */
	size_t n_findings;	/* behind those that are shown */
	uint64_t n_leaks;	/* of these */
};

/* The MEMORY line: the kernel's number on the left, the runtime's own on the right. */
struct memory_account {
	double age_s;		/* how long before the report it was read */
	bool known;		/* false: the runtime's numbers are not known (rss may still be) */
	uint64_t rss;
	uint64_t rss_files;	/* of it, pages of files and of memory shared with others */
	uint64_t live_heap;	/* heap marked by the last collection; before the first one (num_gc
				 * 0) it is not known, and all of the heap in the next */
	uint64_t gc_headroom;	/* heap memory held beyond that: garbage, free slots, idle spans */
	uint64_t stacks;
	uint64_t runtime;	/* spans, bitmaps, profiler tables ... */
	int64_t not_go;		/* rss minus the above: code, cgo, mappings; negative: not all is
				 * resident */
	bool mapped_known;	/* what the mappings say: */
	uint64_t files;		/* of files, the program among them, and memory shared with others */
	uint64_t anonymous;	/* neither of a file nor Go's: C, mmap */
	int64_t not_resident;	/* all of these parts minus rss; negative: memory that the runtime
				 * has returned and the kernel has left there.  Of mappings that were
				 * not read: as it was when they were last, or 0 */
	struct gc_pacing pacing;
	/* the runtime's own figures, as runtime.MemStats names them */
	uint64_t heap_alloc, heap_inuse, heap_idle, heap_released, heap_sys, heap_objects;
	uint64_t stack_inuse, mallocs, frees, total_alloc, next_gc, num_gc;
};

/* All objects of one size class, by the runtime's own counts. */
struct heap_class {
	uint64_t size;		/* bytes of one object; 0: large ones, each of its own size */
	uint64_t live_objects, live_bytes;
	double recorded;	/* of these, so many are tracked; NAN: not known */
	double tracked;		/* and they stood for so many, when they were counted */
	double least, most;	/* of these, those allocated since the attach are so many */
	double most_now;	/* and so many by now, at most; INFINITY: not known */
	uint64_t alloc_objects;	/* over alloc_span_s */
	struct estimate rate;	/* live bytes grown a second */
	struct judgement is;	/* where findings are judged */
};

/* What lived when a mark phase began, objects older than the attach included.  Nothing but the
 * numbers of cycles is known if no cycle was seen whole. */
struct heap_census {
	uint64_t n_cycles;	/* seen from the begin of their mark phase to that of the next */
	uint64_t n_missed;	/* others since the first */
	uint64_t live_bytes;	/* of all classes */
	uint64_t compared_bytes; /* the same of the last cycle that was tracked, too: */
	uint64_t older_bytes;	/* of these, older than the attach; UNKNOWN_U64; */
	uint64_t older_most;	/* no more than lived then, and in the first cycle */
	double alloc_span_s;	/* between the first mark phase that was seen and the last */
	struct estimate rate;	/* live bytes grown a second, of all classes */
	struct heap_class *classes;	/* that hold anything, or held; by size, large ones last */
	size_t n_classes;
};

/* One collection.  Of those before the last one of a look a runtime remembers end and pause only:
 * the others are UNKNOWN_U64 then. */
struct gc_cycle {
	uint32_t number;	/* runtime.MemStats.NumGC when it had ended */
	int64_t end_unix_ns;	/* by the process's wall clock */
	uint64_t pause_ns;	/* that the world stood still, in all its phases */
	uint64_t begin_ns, end_ns;	/* CLOCK_MONOTONIC */
	uint64_t heap_begin;	/* bytes of the heap when it began, garbage included */
	uint64_t heap_end;	/* the same when its mark phase ended */
	uint64_t live;		/* bytes that it found alive */
	uint64_t goal;		/* bytes that the heap was to have at its end, as reckoned when the
				 * one before had ended */
	int forced;		/* 1: by runtime.GC() and its like; 0: not; -1: not known */
};

/* One counter of COVERAGE. */
struct coverage_row {
	const char *name;	/* JSON key: "lost_ring" */
	const char *text;	/* "events lost (ring full)" */
	uint64_t value;
	bool loss;		/* shown in text whenever it is not 0 */
};

/* How allocations, or the starts of goroutines, were listened to for a time. */
struct listened {
	bool goroutines;
	const char *source;	/* "every", "sample", "profile", "burst", "none" */
	double from_s, to_s;	/* since the attach */
	bool focused;		/* of bursts: only objects of the size classes that grow */
	uint64_t distance;	/* where samples were drawn, mean bytes between two; else 0 */
	uint64_t windows;	/* of bursts: how many, */
	double open_s;		/* and how long they were open in all */
};

struct cost {
	double target_percent;	/* of one core, estimated: what hits, and the planting of probes,
				 * have taken; NAN: unknown */
	double budget_percent;	/* that it was to stay below; NAN: it had no limit */
	double hits_per_s;
	double ns_per_hit;	/* the mean of all; NAN: unknown */
	double look_s;		/* that the last look at what lives took; NAN: there was none */
	double own_cpu_percent;
	uint64_t own_rss;	/* UNKNOWN_U64: unknown */
};

/* What looks at the heap have taken, beside a trace. */
struct looks_cost {
	uint64_t n_looks, n_failed;
	double seconds;		/* of all of them */
	uint64_t bytes_read;	/* of the target's memory */
	double cpu_s;		/* of our own, as of the last one, */
	uint64_t rss;		/* and what its process held then; both are in struct cost */
	uint64_t n_classes;	/* size classes that it was for; 0: the whole heap */
	bool under_way;		/* one more has begun and is not over */
};

struct target_info {
	int pid;
	int ns_pid;		/* in the pid namespace of its container; 0: the same */
	const char *exe;	/* path as the target sees it */
	const char *comm;
	const char *go_version;	/* "go1.22.12" */
	bool stripped;		/* no symbol table */
	const char *build_id;	/* of the binary, hex or Go's; may be NULL */
	const char *host;	/* where it runs; NULL: not known */
	const char *main_file;	/* source file of main.main, as in frames; NULL: not known */
	const char *main_module;	/* its path; NULL: not known */
	uint64_t map_start, map_limit, map_file_off;	/* binary's executable mapping, vaddr */
};

struct heap_row;		/* heapview.h */
struct heap_view;

#define NO_INDEX SIZE_MAX

/* One leak, or one thing that grows: goroutines with what they hold, sites of the heap that grow in
 * step, or a size class of which no stack explains the growth. */
struct finding {
	enum verdict verdict;
	struct judgement is;	/* of the goroutines; if none, of the site that grows most, or of
				 * the class */
	struct estimate rate;	/* bytes a second, stacks of goroutines included */
	size_t site, n_sites;	/* index of the one that grows most, or NO_INDEX; how many */
	size_t gsite, n_gsites;	/* of the one with most goroutines */
	const char *caller;	/* the nearest function that all its sites share; NULL */
	bool class_alone;	/* there is no site: */
	uint64_t class_size;	/* of such objects, as of struct heap_class */
	/* Types of its objects, as rows of the findings' growth and in their order; of a type that
	 * has objects of other sizes too only what is of its own. */
	const struct heap_row **types;
	size_t n_types;
};

/* What is thought of all. */
struct verdicts {
	bool known;		/* false: nothing was judged, as in a look */
	enum verdict verdict;	/* the worst */
	uint64_t min_cycles;	/* before which there is no leak, */
	uint64_t growth_cycles;	/* seen whole, that growth of its heap takes, */
	double min_s;		/* nor so soon */
	double needed_s;	/* as long as a trace needs for that, about; NAN: not known */
	struct finding *findings;	/* leaks first, then by the lower end of the rate */
	size_t n_findings;
	struct estimate explained;	/* share of the heap's growth that leaks make up, and what
					 * is suppressed; NAN: it does not grow */
	struct estimate growing;	/* likewise what grows and is no leak */
	struct estimate unseen;	/* growth of the heap that no stack shows, and no finding of a size
				 * class tells of, bytes a second */
	double detectable;	/* what of a leak would show in any size class, bytes a second; NAN:
				 * too early; */
	double detectable_mostly;	/* and in any of nine in ten */
};

/* Everything a report may print, nothing else. */
struct findings {
	const char *version;	/* of this program */
	struct target_info target;
	bool look;		/* one look and no trace: no attach, no starts and ends, no rates */
	double attached_s;	/* NAN: of a look */
	uint64_t gc_cycles;	/* seen since the attach; UNKNOWN_U64: of a look */
	bool live_known;	/* false: no collection has told yet what of the heap lives */
	bool unheard;		/* no allocation was listened to yet: none is known */
	bool growth_known;	/* nor, a second time, how that has grown */
	int64_t time_unix_ns;	/* of this report */
	const char *gone;	/* NULL: the target was there; else what it did: "exited" */
	struct memory_account memory;
	struct memory_room room;
	struct diagnosis process;
	bool from_start;	/* of the program: nothing is older than the attach */
	bool heap, goroutines;	/* which halves were traced, or are known of a look */
	struct heap_census census;
	struct verdicts verdicts;
	bool gc_known;		/* the collections were asked for: */
	struct gc_cycle *gc;	/* oldest first */
	size_t n_gc;
	uint64_t gc_missed;	/* others before them */
	const struct heap_view *types;	/* the heap by type; NULL: not looked at */
	const struct heap_view *growth;	/* the heap by type, beside a trace: the last look compared
				 * with the first; NULL: there were none */
	double growth_age_s;	/* how long before the report the last look was */
	/* Its rows of types that grew, or rather grew than not, and are not suppressed, in their
	 * order. */
	const struct heap_row **grown;
	size_t n_grown;
	struct looks_cost looks;
	struct heap_site *sites;	/* in order of live bytes, then of growth */
	size_t n_sites;
	size_t n_sites_suppressed;	/* behind the others: no report has rows of them, but what
					 * it tells of all has them in it; */
	size_t n_sites_slow;		/* behind these, likewise, those below the filter's rate */
	struct estimate live, live_bytes; /* of all sites */
	/* Of these, bytes that may be kept for nothing: maps with their buckets, which stay
	 * when a map shrinks; and what sync.Pools have made. */
	double map_bytes, pool_bytes;
	struct estimate older_bytes;	/* of the census, older than the attach; NAN: unknown */
	uint64_t older_rate;	/* bytes between two samples of the program's own profile, by which
				 * older objects have names; 0: it has none, or nothing is traced */
	struct older_site *older;	/* in order of bytes */
	size_t n_older;
	struct estimate older_named;	/* bytes of these, at most older_bytes if that is known */
	bool older_scaled;	/* their numbers are smaller for that than the profile says */
	double sample_bytes;	/* mean bytes between two samples; 1: every object is one */
	bool starts_missed;	/* not every start of a goroutine was seen */
	uint64_t n_starts;	/* since the attach, about, by the runtime's own count; UNKNOWN_U64 */
	uint64_t go_events_lost; /* and perhaps as many more have started, or ended, at any site:
				  * events that were lost, or found no room; UNKNOWN_U64:
				  * starts_missed, or a look */
	struct goroutine_site *gsites;	/* in order of live */
	size_t n_gsites, n_gsites_suppressed, n_gsites_slow;	/* likewise */
	struct filter filter;
	struct filtered filtered;
	const char *suppressed_by;	/* the file of --suppress; NULL: none was given */
	uint64_t profile_rate;	/* bytes between two samples of the runtime's own profile, which the
				 * heap sites are of; 0: they are not */
	bool profile_off;	/* it was asked for, and the program has none */
	uint32_t followed_one_in; /* of the small objects; counts are estimates unless this is 1 */
	struct coverage_row *coverage;
	size_t n_coverage;
	struct cost cost;
	struct listened *listened;	/* in order of time, those of heap and goroutines mixed */
	size_t n_listened;
	uint64_t listened_left_out;	/* earlier ones, for which there was no room */
};

#endif
