/** Which messages of a long conversation are mounted: a span that slides with the reader and never grows without bound. */

export interface Span {
  /** Index of the first mounted message, and one past the last. */
  readonly from: number;
  readonly to: number;
}

export const tailCount = 60;
export const stepCount = 40;
export const mostCount = 180;

/** The span a conversation opens with: its end. */
export function tail(total: number): Span {
  return { from: Math.max(0, total - tailCount), to: total };
}

/** More above; what is then far below is let go. */
export function earlier(span: Span): Span {
  const from = Math.max(0, span.from - stepCount);
  return { from, to: Math.min(span.to, from + mostCount) };
}

/** More below; what is then far above is let go. */
export function later(span: Span, total: number): Span {
  const to = Math.min(total, span.to + stepCount);
  return { from: Math.max(span.from, to - mostCount), to };
}

/** The span after `count` messages were put in front: the same messages stay mounted. */
export function shifted(span: Span, count: number): Span {
  return { from: span.from + count, to: span.to + count };
}

/** The span after the list became `total` long at its end. One that showed the end goes on showing it. */
export function followed(span: Span, before: number, total: number): Span {
  if (total < span.from) return tail(total);
  if (span.to < before) return { from: span.from, to: Math.min(span.to, total) };
  return { from: Math.max(span.from, total - mostCount), to: total };
}
