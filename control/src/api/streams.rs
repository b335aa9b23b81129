//! Answers that are streams: pages of long listings, and the end of all streams when the router stops.

use super::status::stopping;
use crate::core::handle::Call;
use crate::model::page::Page;
use crate::model::reason::Reason;
use futures::future::ready;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use prost::Message;
use std::future::Future;
use tokio::sync::watch;
use tonic::Status;

/// A stream of answers.
pub(super) type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// About how many bytes a message of a listing has at most; a client takes 4 MiB unless told otherwise.
const MESSAGE_BYTES: usize = 1 << 20;

/// Knows when the router stops, so that streams do not outlive it.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The sender says `true`, or goes away, when the router stops.
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until the router stops.
    pub(super) async fn stopped(mut self) {
        // An error means that the sender is gone, and so is the router.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// The same stream, which fails when the router stops.
    pub(super) fn guard<T: Send + 'static>(
        &self,
        answers: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> Answers<T> {
        let stop = self.clone();
        let failure = stream::once(async move {
            stop.stopped().await;
            Some(Err(stopping()))
        });
        let until_end = answers.map(Some).chain(stream::once(ready(None)));
        stream::select(until_end, failure)
            .scan((), |(), answer| ready(answer))
            .boxed()
    }
}

/// Asks for page after page and makes messages of bounded size from them.
pub(super) fn pages<T, C, E, I, M, F>(
    fetch: impl Fn(Option<C>) -> F + Send + 'static,
    message: fn(Vec<I>) -> M,
) -> impl Stream<Item = Result<M, Status>> + Send + 'static
where
    T: Send + 'static,
    C: Send + 'static,
    E: Reason,
    I: From<T> + Message + 'static,
    M: Send + 'static,
    F: Future<Output = Call<Page<T, C>, E>> + Send + 'static,
{
    let pages = stream::try_unfold(Some(None), move |from: Option<Option<C>>| {
        let page = from.map(&fetch);
        async move {
            let Some(page) = page else { return Ok(None) };
            let Page { items, next } = page.await?;
            Ok(Some((items, next.map(Some))))
        }
    });
    pages.flat_map(move |page: Result<Vec<T>, Status>| {
        let messages = match page {
            Ok(items) => split(items)
                .into_iter()
                .map(|items| Ok(message(items)))
                .collect(),
            Err(status) => vec![Err(status)],
        };
        stream::iter(messages)
    })
}

/// Splits items so that each part stays below [`MESSAGE_BYTES`], unless a single item is larger.
fn split<T, I: From<T> + Message>(items: Vec<T>) -> Vec<Vec<I>> {
    let mut parts: Vec<Vec<I>> = Vec::new();
    let mut room = 0;
    for item in items {
        let item = I::from(item);
        // A tag and a length of up to four bytes stand before each item.
        let bytes = item.encoded_len() + 5;
        match parts.last_mut() {
            Some(part) if bytes <= room => part.push(item),
            _ => {
                parts.push(vec![item]);
                room = MESSAGE_BYTES;
            }
        }
        room = room.saturating_sub(bytes);
    }
    parts
}
