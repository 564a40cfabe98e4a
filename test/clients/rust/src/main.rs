//! A client of the Workload API by the crates spiffe and spiffe-rustls, unpatched: see ../README.md.

use anyhow::{Result, anyhow, bail};
use serde_json::json;
use spiffe::{JwtSvid, WorkloadApiClient, X509Source};
use spiffe_rustls::{authorizer, mtls_client, mtls_server};
use std::{sync::Arc, time::Duration};
use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::{TcpListener, TcpStream}, time::timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Err(error) = run(std::env::args().skip(1).collect()).await {
        println!("{}", json!({ "error": format!("{error:#}") }));
        std::process::exit(1);
    }
}

async fn run(args: Vec<String>) -> Result<()> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fetch"] => fetch().await,
        ["watch"] => watch().await,
        ["serve", allowed] => serve(allowed).await,
        ["dial", port, expected] => dial(port, expected).await,
        _ => bail!("unknown command"),
    }
}

async fn fetch() -> Result<()> {
    let client = WorkloadApiClient::connect_env().await?;
    let context = client.fetch_x509_context().await?;
    let svids = client.fetch_all_x509_svids().await?;
    let own = context.default_svid().ok_or(anyhow!("no SVID"))?.spiffe_id().clone();
    let jwt = client.fetch_jwt_svid(["one", "two"], None).await?;
    let by_subject = client.fetch_jwt_svid(["one"], Some(&own)).await?;
    let jwt_bundles = client.fetch_jwt_bundles().await?;
    let remote = client.validate_jwt_token("two", jwt.token()).await?;
    let offline = JwtSvid::parse_and_validate(jwt.token(), &jwt_bundles, &["one"])?;
    let wrong_audience = client.validate_jwt_token("three", jwt.token()).await.is_err();
    println!("{}", json!({
        "ids": svids.iter().map(|svid| svid.spiffe_id().to_string()).collect::<Vec<_>>(),
        "bundles": context.bundle_set().iter().map(|(domain, _)| domain.to_string()).collect::<Vec<_>>(),
        "x509Bundles": client.fetch_x509_bundles().await?.len(),
        "audiences": jwt.audience(),
        "bySubject": by_subject.spiffe_id().to_string(),
        "jwtBundles": jwt_bundles.len(),
        "remote": remote.spiffe_id().to_string(),
        "offline": offline.spiffe_id().to_string(),
        "wrongAudience": wrong_audience,
    }));
    Ok(())
}

async fn watch() -> Result<()> {
    let source = X509Source::new().await?;
    let mut updates = source.updated();
    loop {
        // A withdrawn identity comes back with a later update.
        if let Ok(svid) = source.svid() {
            let (_, leaf) = x509_parser::parse_x509_certificate(svid.leaf().as_bytes())?;
            let serial: String = leaf.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{}", json!({ "id": svid.spiffe_id().to_string(), "serial": serial }));
        }
        updates.changed().await?;
    }
}

async fn serve(allowed: &str) -> Result<()> {
    let source = X509Source::new().await?;
    let config = mtls_server(source).authorize(authorizer::exact([allowed])?).build()?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({ "port": listener.local_addr()?.port() }));
    loop {
        let (tcp, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(timeout(Duration::from_secs(10), async move {
            let mut tls = acceptor.accept(tcp).await?;
            tls.write_all(b"welcome\n").await?;
            tls.shutdown().await
        }));
    }
}

async fn dial(port: &str, expected: &str) -> Result<()> {
    let source = X509Source::new().await?;
    let config = mtls_client(source).authorize(authorizer::exact([expected])?).build()?;
    let tcp = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
    let mut tls = TlsConnector::from(Arc::new(config)).connect("localhost".try_into()?, tcp).await?;
    let mut text = String::new();
    let read = timeout(Duration::from_secs(10), tls.read_to_string(&mut text)).await?;
    if text != "welcome\n" {
        bail!("no welcome: {read:?}");
    }
    println!("{}", json!({ "welcome": true }));
    Ok(())
}
