"""Label reviews with a model behind a flaky HTTP API: 32 calls in flight, retries, errors as values."""
import json

import httpx
import pandas as pd

from plait import Failure, File, Retry, Secret, attempt, each, pipeline, step

TEMPLATE = "Answer with JSON {{\"sentiment\": -1 | 0 | 1}}. Review: {review}"      # a constant: part of prompt's identity

class Busy(Exception): ...

@step
def reviews(csv: File) -> list[str]:
    return list(pd.read_csv(csv)["text"])

@step
def prompt(review: str) -> str:
    return TEMPLATE.format(review=review)

@step(retry=Retry(on=(httpx.TransportError, Busy), attempts=6, max_wait="1m"), timeout="45s", resources={"llm": 1})
async def ask(prompt: str, api_key: Secret, model: str = "small-3") -> str:
    async with httpx.AsyncClient() as client:
        reply = await client.post("https://llm.example/v1", json={"model": model, "prompt": prompt},
                                  headers={"Authorization": f"Bearer {api_key.reveal()}"})
    if reply.status_code in (429, 503):
        raise Busy(reply.headers.get("Retry-After", ""))
    reply.raise_for_status()
    return str(reply.json()["text"])

@step
def sentiment(answer: str) -> int:
    return int(json.loads(answer)["sentiment"])

@step
def table(reviews: list[str], labels: list[int | Failure]) -> pd.DataFrame:
    return pd.DataFrame({"review": reviews, "sentiment": [None if isinstance(x, Failure) else x for x in labels]})

@pipeline
def labelled(csv: File, api_key: Secret) -> pd.DataFrame:
    texts = reviews(csv)
    answers = ask.map(each(prompt.map(each(texts))), api_key)
    return table(texts, attempt(sentiment.map(each(answers))))       # a bad item is a Failure, the others go on

if __name__ == "__main__":
    run = labelled.run(csv="reviews.csv", api_key=Secret.env("LLM_KEY"), limits={"llm": 32})
    print(run.result, len(run.failures))                            # run again: only the failed and the new are asked
