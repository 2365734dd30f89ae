//! The client side of the API: finds the running daemon, asks it, and says in one sentence why it can't.

mod find;
pub mod types;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use hyperlocal::UnixConnector;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::failure::Failure;
use types::{Agent, Health};

/// An answer that takes longer isn't waited for; those that are held on purpose have their own limits.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How to find the daemon.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    /// The API's socket [default: root's daemon (/run/stereos/agentd.sock), then yours ($XDG_RUNTIME_DIR/agentd/agentd.sock)]
    #[arg(long, env = "AGENTD_API_SOCKET", value_name = "PATH")]
    pub api_socket: Option<PathBuf>,
}

/// A daemon that answers.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    http: legacy::Client<UnixConnector, Empty<Bytes>>,
}

impl Client {
    /// Finds the daemon that runs: the one that was named, else root's, else this user's.
    pub fn connect(connect: &Connect) -> Result<Self, Failure> {
        let socket = find::socket(connect.api_socket.as_deref())?;
        Ok(Self { socket, http: legacy::Client::builder(TokioExecutor::new()).build(UnixConnector) })
    }

    /// The socket that was found.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon itself.
    pub async fn health(&self) -> Result<Health, Failure> {
        self.json("/v1/health").await
    }

    /// All agents, by name.
    pub async fn agents(&self) -> Result<Vec<Agent>, Failure> {
        self.json("/v1/agents").await
    }

    /// One agent.
    pub async fn agent(&self, name: &str) -> Result<Agent, Failure> {
        match self.json(&format!("/v1/agents/{}", encode(name))).await {
            Err(Failure::Refused { status: StatusCode::NOT_FOUND, .. }) => {
                let known = self.agents().await?.into_iter().map(|agent| agent.name).collect();
                Err(Failure::NoSuchAgent { name: name.to_owned(), known })
            }
            answer => answer,
        }
    }

    /// An answer as JSON.
    pub async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = self.text(path).await?;
        serde_json::from_slice(&body).map_err(|error| self.failed(format!("it sent what isn't understood: {error}")))
    }

    /// An answer of any type, whole.
    pub async fn text(&self, path: &str) -> Result<Bytes, Failure> {
        let answer = async {
            let response = self.get(path, &[]).await?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| self.failed(error.to_string()))?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
        };
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(self.failed(format!("it did not answer within {} s", ANSWER_WITHIN.as_secs()))),
        }
    }

    /// Asks, and answers with the head of what comes back, whatever its status is. The caller limits how long that takes.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::get(hyper::Uri::from(hyperlocal::Uri::new(&self.socket, path)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).map_err(|error| self.failed(error.to_string()))?;
        self.http.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            self.failed(cause)
        })
    }

    fn failed(&self, cause: String) -> Failure {
        Failure::Conversation { socket: self.socket.clone(), cause }
    }
}

/// What the daemon said to a request that it did not answer with what was asked for.
pub fn refused(status: StatusCode, body: &[u8]) -> Failure {
    #[derive(serde::Deserialize)]
    struct Body {
        error: String,
    }
    let message = serde_json::from_slice(body).map_or_else(|_| status.to_string(), |body: Body| body.error);
    Failure::Refused { status, message }
}

/// A name as one segment of a path, or as a value of a query.
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// Runs a command's conversation with the daemon.
pub fn block_on<T>(conversation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| io_failed("start the runtime", error))?.block_on(conversation)
}

fn io_failed(what: &'static str, error: io::Error) -> Failure {
    Failure::System { what: what.to_owned(), error }
}
