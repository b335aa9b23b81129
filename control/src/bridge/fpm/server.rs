//! The listener, and the connection that counts.

use super::feedback::Feedback;
use super::frame::{FrameError, read};
use super::{Counts, Said};
use crate::bridge::namespace;
use crate::model::vrf::Namespace;
use prost::bytes::{Buf, BytesMut};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What is read at once, in bytes: some thousand routes.
const READ_BYTES: usize = 256 << 10;

/// Listens in a namespace.
///
/// # Errors
/// The namespace cannot be entered, or the address is taken.
pub(in crate::bridge) fn bind(
    netns: Option<&Namespace>,
    address: SocketAddr,
) -> io::Result<StdListener> {
    let listener = namespace::inside(netns, || StdListener::bind(address))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves zebras, the newest only, until nobody listens to what they say.
pub(in crate::bridge) async fn serve(
    listener: StdListener,
    said: mpsc::Sender<Said>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut reading: Option<tokio::task::JoinHandle<()>> = None;
    loop {
        let (connection, peer) = tokio::select! {
            () = said.closed() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Such as a connection that was gone before it was taken, or no descriptor left.
                Err(error) => {
                    tracing::warn!("a zebra could not connect: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        if let Some(before) = reading.take() {
            // Nothing of the old one may come after the new one is announced.
            before.abort();
            let _ = before.await;
        }
        reading = start(connection, peer, &said).await;
    }
}

async fn start(
    connection: TcpStream,
    peer: SocketAddr,
    said: &mpsc::Sender<Said>,
) -> Option<tokio::task::JoinHandle<()>> {
    let _ = connection.set_nodelay(true);
    let (reader, writer) = connection.into_split();
    let feedback = Feedback::start(writer);
    said.send(Said::Connected { peer, feedback }).await.ok()?;
    Some(tokio::spawn(follow(reader, said.clone())))
}

/// Reads a connection to its end.
async fn follow(mut reader: OwnedReadHalf, said: mpsc::Sender<Said>) {
    let reason = drain(&mut reader, &said).await.err();
    let _ = said.send(Said::Closed { reason }).await;
}

async fn drain(reader: &mut OwnedReadHalf, said: &mpsc::Sender<Said>) -> Result<(), FrameError> {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        buffer.reserve(READ_BYTES);
        let length = reader.read_buf(&mut buffer).await;
        let length = length.map_err(|error| FrameError::Broken(error.kind()))?;
        if length == 0 {
            return match buffer.len() {
                0 => Ok(()),
                left => Err(FrameError::Cut(left)),
            };
        }
        let (mut updates, mut counts) = (Vec::new(), Counts::default());
        let read = read(&buffer, &mut updates, &mut counts);
        // What was good before a mistake counts.
        let heard = Said::Heard { updates, counts };
        if said.send(heard).await.is_err() {
            return Ok(());
        }
        buffer.advance(read?);
    }
}
