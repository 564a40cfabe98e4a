// A client of the Workload API by go-spiffe, unpatched: see ../README.md for what each word of the command line does.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		say(map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	switch args[0] {
	case "fetch":
		return fetch(ctx)
	case "watch":
		return watch(ctx)
	case "serve":
		return serve(ctx, args[1])
	case "dial":
		return dial(ctx, args[1], args[2])
	}
	return errors.New("unknown command")
}

func say(value any) {
	_ = json.NewEncoder(os.Stdout).Encode(value)
}

func fetch(ctx context.Context) error {
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	x509Context, err := client.FetchX509Context(ctx)
	if err != nil {
		return err
	}
	ids := []string{}
	for _, svid := range x509Context.SVIDs {
		ids = append(ids, svid.ID.String())
	}
	bundles := []string{}
	for _, bundle := range x509Context.Bundles.Bundles() {
		bundles = append(bundles, bundle.TrustDomain().Name())
	}
	onlyBundles, err := client.FetchX509Bundles(ctx)
	if err != nil {
		return err
	}
	jwt, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "one", ExtraAudiences: []string{"two"}})
	if err != nil {
		return err
	}
	bySubject, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "one", Subject: x509Context.SVIDs[0].ID})
	if err != nil {
		return err
	}
	jwtBundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	remote, err := client.ValidateJWTSVID(ctx, jwt.Marshal(), "two")
	if err != nil {
		return err
	}
	offline, err := jwtsvid.ParseAndValidate(jwt.Marshal(), jwtBundles, []string{"one"})
	if err != nil {
		return err
	}
	_, wrongAudience := client.ValidateJWTSVID(ctx, jwt.Marshal(), "three")
	say(map[string]any{
		"ids":           ids,
		"bundles":       bundles,
		"x509Bundles":   onlyBundles.Len(),
		"audiences":     jwt.Audience,
		"bySubject":     bySubject.ID.String(),
		"jwtBundles":    jwtBundles.Len(),
		"remote":        remote.ID.String(),
		"offline":       offline.ID.String(),
		"wrongAudience": wrongAudience != nil,
	})
	return nil
}

// watch prints one line for every state of the identity, until it is stopped.
func watch(ctx context.Context) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	for {
		svid, err := source.GetX509SVID()
		if err != nil {
			return err
		}
		say(map[string]any{"id": svid.ID.String(), "serial": fmt.Sprintf("%x", svid.Certificates[0].SerialNumber)})
		select {
		case <-source.Updated():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func serve(ctx context.Context, allowed string) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	config := tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(spiffeid.RequireFromString(allowed)))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return err
	}
	say(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
			if connection.(*tls.Conn).Handshake() == nil {
				_, _ = io.WriteString(connection, "welcome\n")
			}
		}()
	}
}

func dial(ctx context.Context, port string, expected string) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	config := tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(spiffeid.RequireFromString(expected)))
	connection, err := tls.Dial("tcp", "127.0.0.1:"+port, config)
	if err != nil {
		return err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	text, err := io.ReadAll(connection)
	if string(text) != "welcome\n" {
		return fmt.Errorf("no welcome: %v", err)
	}
	say(map[string]any{"welcome": true})
	return nil
}
