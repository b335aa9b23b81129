//! A table whose places are used again only when that is allowed.
//!
//! Workers know a next hop set by its number. What takes a place that another has left would be taken for
//! that other by a worker that still looks at an older snapshot, so a left place rests until it is
//! [freed](Slots::free).

use std::ops::{Index, IndexMut};

/// Values by dense numbers.
#[derive(Debug)]
pub(super) struct Slots<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
    len: usize,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// How many values there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Places that cannot be given out now: those in use, and those that rest.
    pub(super) fn taken(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The first number that was never given out.
    pub(super) fn end(&self) -> usize {
        self.places.len()
    }

    pub(super) fn insert(&mut self, value: T) -> usize {
        self.len += 1;
        if let Some(place) = self.free.pop() {
            self.places[place] = Some(value);
            return place;
        }
        self.places.push(Some(value));
        self.places.len() - 1
    }

    /// Takes a value out; its place rests.
    pub(super) fn remove(&mut self, place: usize) -> Option<T> {
        let value = self.places.get_mut(place)?.take()?;
        self.len -= 1;
        Some(value)
    }

    /// Lets a place that rests be used again.
    pub(super) fn free(&mut self, place: usize) {
        debug_assert!(self.places[place].is_none());
        self.free.push(place);
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.places.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn contains(&self, place: usize) -> bool {
        self.get(place).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(place, value)| Some((place, value.as_ref()?)))
    }
}

impl<T> Index<usize> for Slots<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        match &self.places[place] {
            Some(value) => value,
            None => unreachable!("place {place} is empty"),
        }
    }
}

impl<T> IndexMut<usize> for Slots<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        match &mut self.places[place] {
            Some(value) => value,
            None => unreachable!("place {place} is empty"),
        }
    }
}
