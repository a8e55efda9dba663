//! Where the comments of a `Received` value are.
//!
//! Takes raw bytes, gives the top-level comments (RFC 5322, 3.2.2: they nest, and hold quoted pairs) and the last `;` outside
//! them. Linear in time on any bytes, and no recursion: depth is a counter. A quoted pair counts only where the whole value
//! balances with it, because MTAs write `C:\` as a client said it; a parenthesis without a partner is an ordinary character.

use std::ops::Deref;

use memchr::{memchr_iter, memchr3_iter};

use super::marks::{Marks, Structure};

/// Where the top-level comments are, and the last top-level `;`.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The opening and the closing parenthesis of each top-level comment, in order.
    pub(super) comments: List<(usize, usize)>,
    /// The last `;` outside comments.
    pub(super) semicolon: Option<usize>,
}

impl Layout {
    /// Looks at a value once; twice or thrice where it is hostile.
    pub(super) fn of(value: &[u8]) -> Self {
        let mut layout = Self::default();
        if !layout.scan(value, true) && !layout.scan(value, false) {
            layout = Self::of_unbalanced(value);
        }
        layout
    }

    /// Looks at what stands behind a place in a value; without its semicolon where there is no date.
    pub(super) fn behind(value: &[u8], place: usize, dated: bool) -> Self {
        let rest = Self::of(value.get(place..).unwrap_or_default());
        let mut layout =
            Self { comments: List::default(), semicolon: rest.semicolon.filter(|_| dated).map(|at| at + place) };
        rest.comments.iter().for_each(|&(open, close)| layout.comments.push((open + place, close + place)));
        layout
    }

    /// One pass with a depth counter; no where a parenthesis stays open.
    fn scan(&mut self, value: &[u8], quoted_pairs: bool) -> bool {
        self.comments.clear();
        self.semicolon = None;
        let (mut depth, mut open) = (0_usize, 0);
        let mut marks = Marks::<Structure>::of(value);
        let mut next = marks.next(0);
        while let Some(byte) = value.get(next) {
            let at = next;
            next = marks.next(at + 1);
            let escaped = quoted_pairs && depth > 0 && is_escaped(value, at, open);
            match byte {
                _ if escaped => {}
                b'(' => {
                    if depth == 0 {
                        open = at;
                    }
                    depth += 1;
                }
                b')' if depth == 1 => {
                    self.comments.push((open, at));
                    depth = 0;
                }
                b')' => depth = depth.saturating_sub(1),
                _ if depth == 0 => self.semicolon = Some(at),
                _ => {}
            }
        }
        depth == 0
    }

    /// The slow way for hostile text: pairs are matched with a stack, and what has no partner is no parenthesis.
    fn of_unbalanced(value: &[u8]) -> Self {
        let mut layout = Self { comments: List::default(), semicolon: None };
        let (mut stack, mut pairs) = (Vec::new(), Vec::new());
        for at in memchr3_iter(b'(', b')', b';', value) {
            match value.get(at) {
                Some(b'(') => stack.push(at),
                Some(b')') => {
                    if let Some(open) = stack.pop() {
                        // A pair closes after those inside it: they are its own text then.
                        while pairs.last().is_some_and(|&(inner, _)| inner > open) {
                            pairs.pop();
                        }
                        pairs.push((open, at));
                    }
                }
                _ => {}
            }
        }
        pairs.iter().for_each(|&pair| layout.comments.push(pair));
        let mut pairs = pairs.into_iter().peekable();
        for at in memchr_iter(b';', value) {
            while pairs.peek().is_some_and(|&(_, close)| close < at) {
                pairs.next();
            }
            if pairs.peek().is_none_or(|&(open, _)| at < open) {
                layout.semicolon = Some(at);
            }
        }
        layout
    }
}

/// Whether an odd number of backslashes stands before `at`, none of them before `start`.
///
/// The look back is bounded: more than 64 backslashes in a row are no MTA's quoting.
fn is_escaped(value: &[u8], at: usize, start: usize) -> bool {
    let before = value.get(start..at).unwrap_or_default();
    before.iter().rev().take(64).take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// A list that needs no memory of its own as long as it is short.
#[derive(Debug, Default)]
pub(super) struct List<T> {
    first: [T; 10],
    count: usize,
    /// All items, once there are more.
    long: Vec<T>,
}

impl<T: Copy> List<T> {
    /// Adds an item at the end.
    pub(super) fn push(&mut self, item: T) {
        if self.long.is_empty() {
            if let Some(slot) = self.first.get_mut(self.count) {
                *slot = item;
                self.count += 1;
                return;
            }
            self.long.extend_from_slice(&self.first);
        }
        self.long.push(item);
    }

    fn clear(&mut self) {
        self.count = 0;
        self.long.clear();
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.long.is_empty() { self.first.get(..self.count).unwrap_or_default() } else { &self.long }
    }
}
