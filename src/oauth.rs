//! Providers of OAuth tokens: reads the keys of their tokens and keeps them fresh, and fetches tokens for the gateway
//! itself. What a token must be is decided in `auth::oauth`. Nothing here runs on a thread that carries requests.

mod fetch;
mod grant;
mod location;
mod reader;

pub use fetch::{FetchError, Fetcher};
pub use grant::{Grant, GrantError, OauthClient};
pub use location::{InvalidLocation, Location};
pub use reader::{KeyReaders, Keys, ProviderConfig};
