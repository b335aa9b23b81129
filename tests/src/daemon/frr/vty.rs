//! FRR's command sockets, as `vtysh` speaks to them: a command ends with a zero byte, an answer with three and a
//! status byte.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a daemon may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The end of an answer, before its status.
const END: [u8; 3] = [0; 3];

/// Says one command in enable mode: its status (0 when all is well), and what was printed.
pub(super) fn ask(socket: &Path, command: &str) -> io::Result<(u8, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER))?;
    say(&mut stream, "enable")?;
    say(&mut stream, command)
}

fn say(stream: &mut UnixStream, command: &str) -> io::Result<(u8, String)> {
    stream.write_all(&[command.as_bytes(), &[0]].concat())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16384];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..length]);
        // Nothing is said before the answer is whole, so its end is the end of what has come.
        if let Some((text, [zero @ .., status])) = answer.split_last_chunk::<4>()
            && *zero == END
        {
            return Ok((*status, String::from_utf8_lossy(text).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn an_answer_may_come_in_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vty");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = [0; 64];
            let length = stream.read(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"enable\0");
            stream.write_all(&[0; 4]).unwrap();
            let length = stream.read(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"show\0");
            for piece in [&b"one "[..], b"two\0\0", b"\0", b"\x01"] {
                stream.write_all(piece).unwrap();
            }
        });
        assert_eq!(ask(&path, "show").unwrap(), (1, "one two".to_owned()));
        server.join().unwrap();
    }
}
