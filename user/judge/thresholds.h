/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thresholds.h - every number that a verdict hangs on, with its reason.  How they were fitted, and
 * what they do on real recordings, is written in docs/judgement.md.
 */
#ifndef THRESHOLDS_H
#define THRESHOLDS_H

/* R1, evidence: net growth over parts 2 and 3.  By chance 1 in 700 shows 3 standard deviations, and
 * a report has hundreds of sites.  With fewer than 9 samples 3 deviations cannot be. */
#define EVIDENCE_Z 3.0
#define EVIDENCE_SAMPLES 9.0

/* R2, it goes on: both parts grow, and the last at least half as much as the one before.  Measured:
 * leaks .76 to 1.17, filled caches .05, a cache whose growth slows .43. */
#define PART_Z 1.0
#define PART_RATIO 0.5

/* R3, the old stay: deaths of old objects in a window's time, of each.  A population in balance has
 * 1 and more unless its lifetime is several windows; then only the census can tell. */
#define OLD_DEATHS 0.22
/* So much of the evidence must have become old at all. */
#define OLD_SAMPLES 3.0

/* R4, the census agrees: stacks may show up to twice the growth of their class, the rest takes the
 * place of objects that are older than the attach.  It contradicts where they show more, beyond
 * both intervals. */
#define CLASS_EXPLAINED 2.0

/* A class by itself, nobody seen: connections, overflow buckets of maps and the runtime's own
 * descriptors grow by some dozens or hundreds of objects for minutes.  Of large objects so many are
 * a warm-up of megabytes; there it takes so many bytes, but some objects. */
#define CLASS_OBJECTS 100.0
#define CLASS_LEAST_BYTES (64.0 * 1024)
#define CLASS_BYTES (256.0 * 1024)
#define CLASS_LEAST_OBJECTS 9.0
/* A population in balance sways by the square root of its number; both ends of a slope do. */
#define CLASS_SWAY 3.0
/* It goes on if the last part grows so much of the one before, which leaks do (.76 to 1.17) and
 * overflow buckets do not (.5 to .67), and half of the first one. */
#define CLASS_RATIO 0.7
/* The overflow buckets of a map of 300,000 entries that changes all of them in ten minutes grow
 * for half an hour, by a hundredth of the heap in ten minutes, and ever so little more slowly.  A
 * leak comes to so much of the heap sooner or later; and if it slows down, beyond so many standard
 * deviations, then not so that little more is to come. */
#define CLASS_SHARE 0.02
#define SLOWER_Z 2.0
#define LITTLE_MORE 0.1		/* of the heap */
/* Of all classes together, where none of them grows by itself (many that grow a little each, or
 * arrays that move on to a larger class whenever they are enlarged): half of the heap and more where
 * rings double, 3 % where a map gets worn for ten minutes. */
#define HEAP_ALONE_SHARE 0.1
/* What becomes larger, or smaller, moves on to another class: one is a neighbour within so many times
 * the size; and what goes there is what comes here if it is this share of it. */
#define NEIGHBOUR_SIZE 2.0
#define MOVED_SHARE 0.75
/* Load follows if what is allocated a second rises by this power of what lives. */
#define LOAD_POWER 0.5

/* R5, containers: mean size of an array that is only ever replaced by a larger one. */
#define GROWN_SIZE 4.0		/* two doublings */
#define LEAKED_SIZE 8.0		/* three */
#define SHRUNK_SIZE 0.9		/* a container that came to less than this of its size can shrink */

/* Goroutines that wait for the network or a timer may do so rightly; a hundred more of them, old
 * and new, are no warm-up of connections. */
#define WEAK_GOROUTINES 100.0
/* Share of a group that has to wait in a way that a leak would. */
#define WAITING_SHARE 0.5

/* A part is flat with less than one standard deviation; a class with less than this share of what
 * it grew before. */
#define FLAT_Z 1.0
#define FLAT_SHARE 0.1

/* Sites grow in step if the squares of what is between them are no more than so many times what
 * their samples explain. */
#define IN_STEP 2.5

/* The process as a whole.  Resident memory grows if it does beyond its interval and by a hundredth
 * of itself: pages are touched for the first time for hours.  A cause has half of it. */
#define RSS_SHARE 0.01
#define CAUSE_SHARE 0.5
/* What is not live is worth a word from so much of rss on; a heap doubles between collections, and
 * its garbage has half of it. */
#define WORTH_SHARE 0.4
/* A heap that sways by so much of itself, in step with what is allocated, follows load. */
#define SWAY_SHARE 0.1
#define LOAD_CORRELATION 0.5

/* When memory comes to its limit is not said from less: a rate of seconds says nothing of hours. */
#define LEFT_SECONDS 60.0

/* A caller stands for a finding if at least this share of the sites below it belongs to growing
 * ones: not main.main, and not the loop that serves every request. */
#define CALLER_SHARE (2.0 / 3)

#endif
