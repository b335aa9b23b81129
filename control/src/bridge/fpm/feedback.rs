//! Words for zebra: which routes are in the data path, which could not get there.

use super::frame::frame;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

/// Blocks of words that may wait for a slow zebra.
const WAITING: usize = 256;

/// Takes words for a zebra. Its connection ends when this is dropped.
#[derive(Debug)]
pub(in crate::bridge) struct Feedback(mpsc::Sender<Vec<u8>>);

/// The zebra does not read: the words are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) struct Lost;

impl Feedback {
    /// Starts writing to a connection.
    pub(super) fn start(mut connection: OwnedWriteHalf) -> Self {
        let (sender, mut words) = mpsc::channel::<Vec<u8>>(WAITING);
        tokio::spawn(async move {
            while let Some(block) = words.recv().await {
                if connection.write_all(&block).await.is_err() {
                    return;
                }
            }
        });
        Self(sender)
    }

    /// Says these messages, each in a frame of its own: zebra reads no second one in a frame.
    pub(in crate::bridge) fn say(
        &self,
        messages: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<(), Lost> {
        let block: Vec<u8> = messages
            .into_iter()
            .flat_map(|message| frame(&message))
            .collect();
        if block.is_empty() {
            return Ok(());
        }
        self.0.try_send(block).map_err(|_| Lost)
    }
}
