//! The connection to the router, which is made again whenever it is lost.

use super::session::{Session, SessionError, Word};
use ferroute_proto::v1;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// The first pause before another try; each failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause. A try costs next to nothing on this machine, and a router that started again has no routes until one succeeds.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What happens on the link.
#[derive(Debug)]
pub(in crate::bridge) enum Event {
    /// A session began.
    Up,
    /// The router said something.
    Word(Word),
    /// The session ended, or none came about.
    Down(SessionError),
}

/// The link.
#[derive(Debug)]
pub(in crate::bridge) struct Link {
    socket: PathBuf,
    open: v1::OpenOwner,
    pause: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Instant),
    Connecting(JoinHandle<Result<Session, SessionError>>),
    Up(Box<Session>),
}

impl Link {
    /// A link that will be made at once.
    pub(in crate::bridge) fn new(socket: PathBuf, open: v1::OpenOwner) -> Self {
        Self {
            socket,
            open,
            pause: FIRST_PAUSE,
            state: State::Waiting(Instant::now()),
        }
    }

    /// The session, if there is one.
    pub(in crate::bridge) const fn session(&self) -> Option<&Session> {
        match &self.state {
            State::Up(session) => Some(session),
            _ => None,
        }
    }

    /// Waits for the next event. Nothing is lost when the waiting is given up.
    pub(in crate::bridge) async fn event(&mut self) -> Event {
        loop {
            match &mut self.state {
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    let (socket, open) = (self.socket.clone(), self.open.clone());
                    let connect = async move { Session::open(&socket, open).await };
                    self.state = State::Connecting(tokio::spawn(connect));
                }
                State::Connecting(task) => match task.await {
                    Ok(Ok(session)) => {
                        self.pause = FIRST_PAUSE;
                        self.state = State::Up(Box::new(session));
                        return Event::Up;
                    }
                    Ok(Err(error)) => return self.fail(error),
                    Err(_) => return self.fail(SessionError::Ended),
                },
                State::Up(session) => match session.word().await {
                    Ok(word) => return Event::Word(word),
                    Err(error) => return self.fail(error),
                },
            }
        }
    }

    /// Gives the session up and tries again after a pause.
    pub(in crate::bridge) fn fail(&mut self, error: SessionError) -> Event {
        self.state = State::Waiting(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Event::Down(error)
    }
}
